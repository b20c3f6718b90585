// Bodies that lie in files, so that none of them is ever whole in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::http {

/// What a request has brought. The file is removed with this: whoever wants it links or copies it first.
struct BodyFile {
  BodyFile(std::filesystem::path at, std::uint64_t size, std::string digest)
      : path(std::move(at)), bytes(size), sha256(std::move(digest)) {}
  BodyFile(const BodyFile&) = delete;
  BodyFile& operator=(const BodyFile&) = delete;
  ~BodyFile();

  const std::filesystem::path path;
  const std::uint64_t bytes;
  const std::string sha256;  // taken as it came
};

/// What an answer brings: open, so that it may be removed meanwhile.
class OpenFile {
 public:
  static Result<std::shared_ptr<const OpenFile>> open(const std::filesystem::path& path);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  std::uint64_t bytes() const { return bytes_; }
  /// Of `offset` on, as much as there is, and at most `most`. Blocks. [any-thread]
  Result<std::string> read(std::uint64_t offset, std::size_t most) const;

 private:
  OpenFile(std::filesystem::path path, int fd, std::uint64_t bytes)
      : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  const std::filesystem::path path_;
  const int fd_;
  const std::uint64_t bytes_;
};

struct FilePart {
  std::shared_ptr<const OpenFile> file;
  std::uint64_t offset = 0, bytes = 0;
};

}  // namespace scanflow::http
