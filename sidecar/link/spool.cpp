#include "sidecar/link/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <vector>

#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::link {
namespace {

/// A segment that has reached it is followed by another one.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{1} << 20;
constexpr std::size_t kPrefix = 4;  // bytes of a length

std::array<char, kPrefix> prefix_of(std::uint32_t size) {
  std::array<char, kPrefix> bytes{};
  for (std::size_t i = 0; i < kPrefix; ++i) bytes.at(i) = static_cast<char>(size >> (8 * i));
  return bytes;
}

std::uint32_t size_in(const char* bytes) {
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < kPrefix; ++i)
    size |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return size;
}

/// The same after each restart.
Result<std::string> id_of(const std::filesystem::path& directory) {
  const auto file = directory / "id";
  if (auto known = read_file(file, 64); known && !known->empty()) return *known;
  const std::string fresh = uuid_v7(wall_us() / 1000);
  if (auto written = write_file_atomically(file, fresh); !written)
    return tl::unexpected(written.error());
  return fresh;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(describe_errno("cannot create", directory, error.value()));
  auto id = id_of(directory);
  if (!id) return tl::unexpected(id.error());
  std::unique_ptr<Spool> spool(new Spool(directory, std::move(*id)));
  if (auto loaded = spool->load(); !loaded) return tl::unexpected(loaded.error());
  return spool;
}

std::filesystem::path Spool::path_of(std::uint64_t segment) const {
  return directory_ / fmt::format("{:020}", segment);  // so that names sort as numbers do
}

Result<void> Spool::load() {
  std::vector<std::uint64_t> segments;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename();
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (problem == std::errc() && end == name.data() + name.size()) segments.push_back(number);
  }
  if (error) return fail(describe_errno("cannot list", directory_, error.value()));
  std::sort(segments.begin(), segments.end());
  for (const std::uint64_t segment : segments) {
    if (segment != end()) {  // what is before a gap was delivered, but the disk was full then
      records_.clear();
      bytes_ = 0;
      first_ = segment;
    }
    if (auto loaded = load_segment(segment, segment == segments.back()); !loaded) return loaded;
  }
  return {};
}

Result<void> Spool::load_segment(std::uint64_t segment, bool last) {
  const auto text = read_file(path_of(segment));
  if (!text) return tl::unexpected(text.error());
  std::size_t at = 0;
  while (text->size() - at >= kPrefix) {
    const std::uint32_t size = size_in(text->data() + at);
    if (text->size() - at - kPrefix < size) break;
    records_.push_back({segment, at + kPrefix, size, {}});
    bytes_ += size;
    at += kPrefix + size;
  }
  if (!last) return {};
  // What was cut off would be in the way of what comes next.
  writing_ = UniqueFd(::open(path_of(segment).c_str(), O_WRONLY | O_CLOEXEC));
  if (!writing_ || ::ftruncate(writing_.get(), static_cast<off_t>(at)) != 0)
    return fail(describe_errno("cannot write", path_of(segment), errno));
  writing_segment_ = segment;
  writing_size_ = at;
  return {};
}

void Spool::add(std::string message) {
  Record record;
  record.size = static_cast<std::uint32_t>(message.size());
  bytes_ += message.size();
  // Once one is in memory the later ones are too, until the hub has them all: a successor must not
  // find a gap.
  const bool gap = !records_.empty() && records_.back().segment == 0;
  if (!gap) {
    const auto written = append(message, record);
    problem_ = written ? std::string() : written.error().message;
  }
  if (record.segment == 0) record.text = std::move(message);
  records_.push_back(std::move(record));
}

Result<void> Spool::begin_segment() {
  const auto path = path_of(end());
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return fail(describe_errno("cannot write", path, errno));
  writing_ = std::move(fd);
  writing_segment_ = end();
  writing_size_ = 0;
  return {};
}

Result<void> Spool::append(const std::string& message, Record& record) {
  if (!writing_ || writing_size_ >= kSegmentBytes) {
    if (auto begun = begin_segment(); !begun) return begun;
  }
  const auto prefix = prefix_of(record.size);
  const std::string bytes = std::string(prefix.data(), kPrefix) + message;
  const ssize_t n =
      ::pwrite(writing_.get(), bytes.data(), bytes.size(), static_cast<off_t>(writing_size_));
  if (n != static_cast<ssize_t>(bytes.size())) {
    const int error = n < 0 ? errno : ENOSPC;
    (void)::ftruncate(writing_.get(), static_cast<off_t>(writing_size_));
    return fail(describe_errno("cannot write", path_of(writing_segment_), error));
  }
  record.segment = writing_segment_;
  record.offset = writing_size_ + kPrefix;
  writing_size_ += bytes.size();
  return {};
}

std::string Spool::read(std::uint64_t number) {
  const Record& record = records_.at(number - first_);
  if (record.segment == 0) return record.text;
  if (reading_segment_ != record.segment) {
    reading_ = UniqueFd(::open(path_of(record.segment).c_str(), O_RDONLY | O_CLOEXEC));
    reading_segment_ = record.segment;
  }
  std::string bytes(record.size, '\0');
  const ssize_t n =
      ::pread(reading_.get(), bytes.data(), bytes.size(), static_cast<off_t>(record.offset));
  if (n != static_cast<ssize_t>(bytes.size())) bytes.clear();  // the hub takes it as malformed
  return bytes;
}

void Spool::forget(std::uint64_t number) {
  while (first_ <= number && !records_.empty()) {
    const std::uint64_t segment = records_.front().segment;
    bytes_ -= records_.front().size;
    records_.pop_front();
    ++first_;
    const bool over = records_.empty() || records_.front().segment != segment;
    if (segment == 0 || !over) continue;
    // The next segment is there first: its name says where a successor goes on.
    if (segment == writing_segment_ && !begin_segment()) {
      writing_.reset();  // nothing is added to it any more
      continue;
    }
    std::error_code ignored;
    std::filesystem::remove(path_of(segment), ignored);
  }
}

}  // namespace scanflow::link
