// What a service was asked, row by row, in files of a directory: several processes write there, anybody reads.
//
// A file begins with a line of JSON, {"format": "scanflow.capture/1", "tensors": [{"name", "datatype", "shape" (of a
// row)}]}; then come rows of one size: the time (microseconds since 1970 UTC, int64, little-endian), then each tensor's
// bytes, in that order. Its name begins with the time of its first row. A row that is cut off at the end is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace scanflow::capture {

namespace fs = std::filesystem;

struct Column {
  std::string name;
  std::string datatype;             // of the Open Inference Protocol: FP32, INT64, ...
  std::vector<std::int64_t> shape;  // of a row
  std::size_t bytes = 0;            // of a row
};

/// For one thread.
class Writer {
 public:
  struct Limits {
    std::uint64_t file_bytes = 32u << 20;   // then another one begins
    std::uint64_t keep_bytes = 256u << 20;  // of the directory: beyond it the oldest files go
  };
  /// Makes the directory. Throws std::runtime_error, which says what is wrong and what to do.
  Writer(fs::path directory, std::vector<Column> columns, Limits limits);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// `tensors`: in the order of the columns, `rows` rows of each. Throws as the constructor does; then none of them is
  /// there.
  void append(std::int64_t time_us, std::size_t rows,
              std::span<const std::span<const std::byte>> tensors);

 private:
  void begin(std::int64_t time_us);
  void drop_oldest() const;

  const fs::path directory_;
  const std::vector<Column> columns_;
  const Limits limits_;
  std::size_t row_bytes_ = 0;
  int file_ = -1;
  fs::path path_;
  std::uint64_t written_ = 0;  // bytes of the file
  std::vector<std::byte> buffer_;
};

struct Selection {
  std::string tensor;                 // the values that are wanted
  std::string id;                     // the INT64 column that tells rows apart; empty: none is read
  std::int64_t since_us = 0;          // rows after this time,
  std::int64_t until_us = INT64_MAX;  // and not after this
  std::size_t newest = 0;             // of those the newest; 0: all
};
struct Captured {
  Column column;
  std::vector<std::int64_t> times_us;  // oldest first
  std::vector<std::int64_t> ids;       // where they were asked for
  std::vector<std::byte> values;       // one row after the other
};
/// A directory that is not there holds nothing. Throws std::runtime_error where a file is no capture, has no such
/// tensor, or files differ in its shape.
Captured read(const fs::path& directory, const Selection& selection);

}  // namespace scanflow::capture
