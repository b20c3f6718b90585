#include "plugins/common/byte_source.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace scanflow::data {
namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;
constexpr std::size_t kMaxVerified = std::size_t{1} << 30;
constexpr int kGzipOnly = 16;  // added to the window bits: zlib then demands gzip's header and CRC

std::string reason(int error) { return std::generic_category().message(error); }

class File {
 public:
  explicit File(std::filesystem::path path) : path_(std::move(path)) {
    if (std::filesystem::is_directory(path_)) {
      throw std::runtime_error(fmt::format("{}: is a directory, not an IDX file", path_.string()));
    }
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (!file_) throw std::runtime_error(fmt::format("{}: {}", path_.string(), reason(errno)));
  }

  std::size_t read(std::span<std::uint8_t> out) {
    const std::size_t count = std::fread(out.data(), 1, out.size(), file_.get());
    if (count < out.size() && std::ferror(file_.get()) != 0) {
      throw std::runtime_error(fmt::format("{}: cannot read at byte {}: {}", path_.string(),
                                           group_digits(position_ + count), reason(errno)));
    }
    position_ += count;
    return count;
  }

  void rewind() {
    std::rewind(file_.get());
    position_ = 0;
  }

  std::uint64_t position() const { return position_; }
  std::string name() const { return path_.string(); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t position_ = 0;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(File file) : file_(std::move(file)) {}
  std::size_t read(std::span<std::uint8_t> out) override { return file_.read(out); }
  std::string where() const override { return ""; }

 private:
  File file_;
};

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(File file) : file_(std::move(file)) {
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) {
      throw std::runtime_error(fmt::format("{}: zlib cannot start (no memory)", file_.name()));
    }
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::size_t read(std::span<std::uint8_t> out) override {
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0) refill();
      if (stream_.avail_in == 0) end_of_file();
      if (!ended_) step();
    }
    return out.size() - stream_.avail_out;
  }

  std::string where() const override { return " of the uncompressed data"; }

  void verify() override {
    std::vector<std::uint8_t> rest(kPiece);
    for (std::size_t pieces = 0; pieces < kMaxVerified / kPiece; ++pieces) {
      if (read(rest) < rest.size()) return;
    }
  }

 private:
  void refill() {
    stream_.next_in = piece_.data();
    stream_.avail_in = static_cast<uInt>(file_.read(piece_));
  }

  void end_of_file() {
    if (!between_members_) {
      throw std::runtime_error(
          fmt::format("{}: gzip data ends at byte {} of the compressed file (truncated?)",
                      file_.name(), group_digits(file_.position())));
    }
    ended_ = true;
  }

  // A gzip file may hold several members, one after the other, then padding of zeros.
  void step() {
    if (between_members_) {
      if (*stream_.next_in == 0) {
        ++stream_.next_in;
        --stream_.avail_in;
        return;
      }
      inflateReset(&stream_);
      between_members_ = false;
    }
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      between_members_ = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      throw std::runtime_error(fmt::format(
          "{}: gzip data is corrupt at byte {} of the compressed file: {}; copy the file again",
          file_.name(), group_digits(file_.position() - stream_.avail_in),
          stream_.msg != nullptr ? stream_.msg : "no valid data"));
    }
  }

  File file_;
  std::array<std::uint8_t, kPiece> piece_{};
  z_stream stream_{};
  bool between_members_ = false;
  bool ended_ = false;
};

}  // namespace

std::string group_digits(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path) {
  File file(path);
  std::array<std::uint8_t, 2> magic{};
  const bool gzip = file.read(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  file.rewind();
  if (gzip) return std::make_unique<GzipSource>(std::move(file));
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace scanflow::data
