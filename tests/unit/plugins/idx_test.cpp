#include "plugins/common/idx.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::data {
namespace {

using test::error_of;
using test::TempDir;
using Bytes = std::vector<std::uint8_t>;

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Bytes u32(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Bytes gzip(const Bytes& plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, plain.size()) + 32);
  stream.next_in = const_cast<std::uint8_t*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Three labels.
Bytes labels() { return join({u32(0x801), u32(3), {7, 2, 1}}); }

/// Two images of 3 x 2 pixels.
Bytes images() {
  return join({u32(0x803), u32(2), u32(3), u32(2), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}});
}

/// Data that hardly compresses, so that a cut or a flip falls where it is aimed at.
Bytes noisy_labels(std::uint32_t count) {
  Bytes values(count);
  std::uint32_t state = 1;
  for (auto& value : values) {
    state = state * 1664525 + 1013904223;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return join({u32(0x801), u32(count), values});
}

class Idx : public ::testing::Test {
 protected:
  /// The error of reading these bytes, without the directory's name.
  std::string error(const Bytes& bytes, std::uint8_t dimensions) {
    directory_.write("file", text_of(bytes));
    std::string text = error_of([&] { read_idx(directory_ / "file", dimensions); });
    const std::string prefix = directory_.path().string() + "/";
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    return text;
  }

  TempDir directory_;
};

TEST_F(Idx, ReadsPlainAndGzip) {
  for (const Bytes& bytes : {images(), gzip(images())}) {
    directory_.write("file", text_of(bytes));
    const IdxArray array = read_idx(directory_ / "file", 3);
    EXPECT_EQ(array.shape, (std::vector<std::uint32_t>{2, 3, 2}));
    EXPECT_EQ(array.bytes, (Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  }
}

TEST_F(Idx, ReadsGzipOfSeveralMembersAndPadding) {
  const Bytes whole = labels();
  const Bytes first(whole.begin(), whole.begin() + 5);
  const Bytes second(whole.begin() + 5, whole.end());
  directory_.write("file", text_of(join({gzip(first), gzip(second), Bytes(100, 0)})));
  EXPECT_EQ(read_idx(directory_ / "file", 1).bytes, (Bytes{7, 2, 1}));
}

TEST_F(Idx, WritesWhatItReads) {
  const std::array<std::uint32_t, 3> shape{2, 3, 2};
  const IdxArray array{{2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
  write_idx(directory_ / "file", shape, array.bytes);
  EXPECT_EQ(test::read(directory_ / "file"), text_of(images()));
}

TEST_F(Idx, NoItemsAreFine) {
  directory_.write("file", text_of(join({u32(0x801), u32(0)})));
  EXPECT_EQ(read_idx(directory_ / "file", 1).bytes.size(), 0U);
}

TEST_F(Idx, MissingFileAndDirectory) {
  EXPECT_EQ(error_of([&] { read_idx(directory_ / "absent", 1); }),
            (directory_ / "absent").string() + ": No such file or directory");
  EXPECT_EQ(error_of([&] { read_idx(directory_.path(), 1); }),
            directory_.path().string() + ": is a directory, not an IDX file");
}

TEST_F(Idx, TruncatedAtEachPlace) {
  EXPECT_EQ(error({}, 1),
            "file: data ends at byte 0, within the header (magic number); an IDX file of 1 "
            "dimension(s) starts with 8 bytes of header (truncated?)");
  EXPECT_EQ(error({0, 0, 8}, 1),
            "file: data ends at byte 3, within the header (magic number); an IDX file of 1 "
            "dimension(s) starts with 8 bytes of header (truncated?)");
  Bytes cut = images();
  cut.resize(10);
  EXPECT_EQ(error(cut, 3),
            "file: data ends at byte 10, within the header (sizes); an IDX file of 3 dimension(s) "
            "starts with 16 bytes of header (truncated?)");
  cut = images();
  cut.resize(20);
  EXPECT_EQ(error(cut, 3),
            "file: data ends at byte 20, but the header announces 28 bytes (2 items; truncated?)");
}

TEST_F(Idx, EveryTruncationIsRefused) {
  for (const Bytes& whole : {images(), gzip(images())}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_NE(error(cut, 3), "nothing was thrown") << length << " of " << whole.size();
    }
  }
}

TEST_F(Idx, WrongMagicNumber) {
  EXPECT_EQ(error(images(), 1),
            "file: magic number 0x00000803 at byte 0, expected 0x00000801 (unsigned bytes, 1 "
            "dimension(s)); this file holds images, not labels");
  EXPECT_EQ(error(labels(), 3),
            "file: magic number 0x00000801 at byte 0, expected 0x00000803 (unsigned bytes, 3 "
            "dimension(s)); this file holds labels, not images");
  EXPECT_EQ(error({'<', 'h', 't', 'm', 'l', '>', ' ', ' '}, 1),
            "file: magic number 0x3c68746d at byte 0, expected 0x00000801 (unsigned bytes, 1 "
            "dimension(s))");
}

TEST_F(Idx, AbsurdHeadersCostNothing) {
  EXPECT_EQ(error(join({u32(0x801), u32(0xffffffff)}), 1),
            "file: the number of items is 4,294,967,295 at byte 4, expected 0 to 10,000,000");
  EXPECT_EQ(error(join({u32(0x803), u32(2), u32(0), u32(2)}), 3),
            "file: the length of a side is 0 at byte 8, expected 1 to 4,096");
  EXPECT_EQ(error(join({u32(0x803), u32(2), u32(2), u32(5000)}), 3),
            "file: the length of a side is 5,000 at byte 12, expected 1 to 4,096");
  EXPECT_EQ(error(join({u32(0x803), u32(10'000'000), u32(4096), u32(4096)}), 3),
            "file: the header at byte 4 announces 167,772,160,000,000 bytes, more than the limit "
            "of 1,073,741,824");
  EXPECT_EQ(error(join({u32(0x803), u32(1'000'000), u32(28), u32(28), {1}}), 3),
            "file: data ends at byte 17, but the header announces 784,000,016 bytes (1,000,000 "
            "items; truncated?)");
}

TEST_F(Idx, TrailingBytes) {
  EXPECT_EQ(error(join({labels(), {0}}), 1),
            "file: more data than the header announces: it should end at byte 11");
  EXPECT_EQ(error(gzip(join({labels(), {0}})), 1),
            "file: more data than the header announces: it should end at byte 11 of the "
            "uncompressed data");
}

TEST_F(Idx, TruncatedGzipNamesTheCompressedByte) {
  Bytes bytes = gzip(noisy_labels(50'000));
  bytes.resize(41'203);
  EXPECT_EQ(error(bytes, 1),
            "file: gzip data ends at byte 41,203 of the compressed file (truncated?)");
  bytes.resize(6);  // within gzip's own header
  EXPECT_EQ(error(bytes, 1), "file: gzip data ends at byte 6 of the compressed file (truncated?)");
}

TEST_F(Idx, CorruptGzip) {
  Bytes header = gzip(labels());
  header[2] = 99;  // an unknown method
  EXPECT_EQ(error(header, 1),
            "file: gzip data is corrupt at byte 4 of the compressed file: unknown compression "
            "method; copy the file again");

  Bytes check = gzip(noisy_labels(1000));
  check[check.size() - 8] ^= 1;  // the CRC
  EXPECT_NE(error(check, 1).find("incorrect data check"), std::string::npos) << error(check, 1);

  Bytes garbage = join({gzip(labels()), {'x', 'y', 'z'}});
  EXPECT_NE(error(garbage, 1).find("gzip data is corrupt"), std::string::npos) << error(garbage, 1);
}

TEST_F(Idx, NoSpoiltBytePasses) {
  const Bytes whole = gzip(noisy_labels(200));
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    if (byte >= 4 && byte < 10) continue;  // gzip's time stamp and hints: not part of the data
    Bytes spoilt = whole;
    spoilt[byte] ^= 0xff;
    const std::string said = error(spoilt, 1);
    if (byte < 2) {  // not known as gzip
      EXPECT_NE(said.find("magic number"), std::string::npos) << "byte " << byte << ": " << said;
    } else {
      EXPECT_NE(said.find("gzip data"), std::string::npos) << "byte " << byte << ": " << said;
    }
  }
}

}  // namespace
}  // namespace scanflow::data
