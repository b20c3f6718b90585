#include "plugins/steps/capture/capture_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace scanflow::capture {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "scanflow.capture/1";
constexpr const char* kExtension = ".rows";
constexpr std::size_t kTimeBytes = sizeof(std::int64_t);

[[noreturn]] void fail_file(const fs::path& path, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", path.string(), what));
}
std::string reason_of(int error) { return std::generic_category().message(error); }

std::string header_of(const std::vector<Column>& columns) {
  json tensors = json::array();
  for (const Column& each : columns)
    tensors.push_back({{"name", each.name},
                       {"datatype", each.datatype},
                       {"shape", each.shape},
                       {"bytes", each.bytes}});
  return json{{"format", kFormat}, {"tensors", std::move(tensors)}}.dump() + "\n";
}

std::size_t bytes_of_row(const std::vector<Column>& columns) {
  return std::accumulate(columns.begin(), columns.end(), kTimeBytes,
                         [](std::size_t sum, const Column& each) { return sum + each.bytes; });
}

/// By name, and so by the time of their first rows.
std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().extension() == kExtension) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Column> columns_of(const fs::path& path, const std::string& header) {
  const json document = json::parse(header, nullptr, false);
  if (!document.is_object() || document.value("format", json()) != kFormat)
    fail_file(path, "is no capture; give the directory that requests.capture writes to");
  std::vector<Column> columns;
  for (const json& each : document.at("tensors"))
    columns.push_back({each.at("name"), each.at("datatype"), each.at("shape"), each.at("bytes")});
  return columns;
}

/// Where a column begins within a row.
std::size_t offset_of(const std::vector<Column>& columns, std::size_t column) {
  std::size_t offset = kTimeBytes;
  for (std::size_t i = 0; i < column; ++i) offset += columns[i].bytes;
  return offset;
}

std::size_t find_column(const fs::path& path, const std::vector<Column>& columns,
                        const std::string& name) {
  std::string names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
    names += (names.empty() ? "" : ", ") + columns[i].name;
  }
  fail_file(path, fmt::format("holds no tensor '{}'; it holds {}", name, names));
}

struct Place {  // of a row
  std::int64_t time_us = 0;
  std::size_t file = 0, at = 0;
};

std::int64_t number_at(const std::string& bytes, std::size_t at) {
  std::int64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

}  // namespace

Writer::Writer(fs::path directory, std::vector<Column> columns, Limits limits)
    : directory_(std::move(directory)),
      columns_(std::move(columns)),
      limits_(limits),
      row_bytes_(bytes_of_row(columns_)) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error || ::access(directory_.c_str(), W_OK) != 0)
    fail_file(directory_, fmt::format("cannot write here: {}; name another directory in `path`",
                                      error ? error.message() : reason_of(errno)));
}

Writer::~Writer() {
  if (file_ >= 0) ::close(file_);
}

void Writer::begin(std::int64_t time_us) {
  if (file_ >= 0) ::close(file_);
  path_ = directory_ / fmt::format("{:020}-{}{}", time_us, ::getpid(), kExtension);
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0640);
  if (file_ < 0) fail_file(path_, "cannot be made: " + reason_of(errno));
  const std::string header = header_of(columns_);
  if (::write(file_, header.data(), header.size()) != static_cast<ssize_t>(header.size()))
    fail_file(path_, "cannot be written: " + reason_of(errno));
  written_ = header.size();
  drop_oldest();
}

void Writer::drop_oldest() const {
  std::vector<fs::path> files = files_in(directory_);
  std::error_code error;
  std::uint64_t bytes = 0;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    const std::uintmax_t size = fs::file_size(*file, error);
    bytes += error ? 0 : size;
    if (bytes > limits_.keep_bytes && *file != path_) fs::remove(*file, error);
  }
}

void Writer::append(std::int64_t time_us, std::size_t rows,
                    std::span<const std::span<const std::byte>> tensors) {
  if (rows == 0) return;
  if (file_ < 0 || written_ >= limits_.file_bytes) begin(time_us);
  buffer_.resize(rows * row_bytes_);
  std::byte* to = buffer_.data();
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(to, &time_us, kTimeBytes);
    to += kTimeBytes;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t bytes = columns_[i].bytes;
      std::memcpy(to, tensors[i].data() + row * bytes, bytes);
      to += bytes;
    }
  }
  // At once: what is read meanwhile is whole.
  const ssize_t wrote = ::write(file_, buffer_.data(), buffer_.size());
  if (wrote == static_cast<ssize_t>(buffer_.size())) {
    written_ += buffer_.size();
    return;
  }
  const std::string why = wrote < 0 ? reason_of(errno) : "the disk is full";
  (void)::ftruncate(file_, static_cast<off_t>(written_));
  fail_file(path_, "cannot be written: " + why);
}

Captured read(const fs::path& directory, const Selection& selection) {
  std::vector<std::string> contents;
  std::vector<std::vector<Column>> columns;
  std::vector<fs::path> paths;
  std::vector<Place> places;
  for (const fs::path& path : files_in(directory)) {
    std::ifstream in(path, std::ios::binary);
    std::string header;
    if (!in || !std::getline(in, header)) continue;  // gone meanwhile, or just begun
    columns.push_back(columns_of(path, header));
    contents.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    paths.push_back(path);
    const std::size_t row = bytes_of_row(columns.back());
    const std::string& bytes = contents.back();
    for (std::size_t at = 0; at + row <= bytes.size(); at += row) {
      const std::int64_t time_us = number_at(bytes, at);
      if (time_us > selection.since_us && time_us <= selection.until_us)
        places.push_back({time_us, contents.size() - 1, at});
    }
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.time_us < b.time_us; });
  if (selection.newest > 0 && places.size() > selection.newest)
    places.erase(places.begin(), places.end() - static_cast<std::ptrdiff_t>(selection.newest));
  Captured captured;
  for (const Place& each : places) {
    const auto& layout = columns[each.file];
    const std::string& bytes = contents[each.file];
    const std::size_t wanted = find_column(paths[each.file], layout, selection.tensor);
    if (captured.times_us.empty()) captured.column = layout[wanted];
    if (captured.column.shape != layout[wanted].shape ||
        captured.column.datatype != layout[wanted].datatype)
      fail_file(paths[each.file],
                fmt::format("its '{}' has another shape or type than in the files before",
                            selection.tensor));
    const auto* const from =
        reinterpret_cast<const std::byte*>(bytes.data()) + each.at + offset_of(layout, wanted);
    captured.times_us.push_back(each.time_us);
    captured.values.insert(captured.values.end(), from, from + layout[wanted].bytes);
    if (selection.id.empty()) continue;
    const std::size_t id = find_column(paths[each.file], layout, selection.id);
    captured.ids.push_back(number_at(bytes, each.at + offset_of(layout, id)));
  }
  return captured;
}

}  // namespace scanflow::capture
