#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow {
namespace {

TEST(Sha256, GivesTheStandardsTestVectors) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const test::TempDir directory;
  EXPECT_EQ(*sha256_file(directory.write("f", std::string(200'000, 'a'))),
            sha256_hex(std::string(200'000, 'a')));
  EXPECT_NE(sha256_file(directory / "absent").error().message.find("No such file"),
            std::string::npos);
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<std::string> names{"torch.train", "torch.evaluate", "noop", "retry"};
  EXPECT_EQ(nearest("torch.trian", names), "torch.train");
  EXPECT_EQ(nearest("nop", names), "noop");
  EXPECT_EQ(nearest("retrys", names), "retry");
  EXPECT_EQ(nearest("something.else", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), names), "");
}

TEST(Units, ParsesDurations) {
  EXPECT_EQ(*parse_duration("500ms"), 500'000);
  EXPECT_EQ(*parse_duration("1h30m"), 5'400'000'000);
  EXPECT_EQ(*parse_duration("1.5s"), 1'500'000);
  EXPECT_EQ(*parse_duration("30d"), 30ll * 86400 * 1'000'000);
  for (const char* bad : {"", "5", "s", "-1s", "1x", "1s ", "nan s", "1e400s", "99999999999999w"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, ParsesSizesAndCpus) {
  EXPECT_EQ(*parse_bytes("512Mi"), 512u << 20);
  EXPECT_EQ(*parse_bytes("1.5G"), 1'500'000'000u);
  EXPECT_EQ(*parse_bytes("100"), 100u);
  for (const char* bad : {"", "Mi", "-1", "1Q", "1MiB"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
  EXPECT_DOUBLE_EQ(*parse_cpu("500m"), 0.5);
  EXPECT_DOUBLE_EQ(*parse_cpu("2"), 2);
  for (const char* bad : {"", "m", "two", "1c", "-1"}) EXPECT_FALSE(parse_cpu(bad)) << bad;
}

TEST(Units, FormatsForPeople) {
  EXPECT_EQ(format_duration(400'000), "0.4 s");
  EXPECT_EQ(format_duration(3'400), "3.4 ms");
  EXPECT_EQ(format_duration(65'000'000), "1 m 05 s");
  EXPECT_EQ(format_duration(7'800'000'000), "2 h 10 m");
  EXPECT_EQ(format_bytes(412u << 20), "412 MiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(12), "12 B");
}

TEST(Uuid, SortsByTimeAndIsOfVersion7) {
  const std::string early = uuid_v7(1'700'000'000'000);
  const std::string late = uuid_v7(1'700'000'000'001);
  EXPECT_LT(early, late);
  EXPECT_NE(early, uuid_v7(1'700'000'000'000));
  EXPECT_EQ(early.size(), 36u);
  EXPECT_EQ(early[14], '7');
  EXPECT_NE(std::string("89ab").find(early[19]), std::string::npos);
}

TEST(Files, AreWrittenWhereAUserSays) {
  const test::TempDir directory;
  const std::string file = directory.write("file", "old");
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  const std::filesystem::path link = directory / "link", pipe = directory / "pipe";
  std::filesystem::create_symlink("file", link);
  ASSERT_TRUE(write_where_told(link, "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(test::read(file), "new");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0640));
  ASSERT_TRUE(write_where_told(directory / "other", "x"));
  EXPECT_EQ(test::read(directory / "other"), "x");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int end = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(write_where_told(pipe, "through"));
  std::array<char, 16> got{};
  EXPECT_EQ(::read(end, got.data(), got.size()), 7);
  ::close(end);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe)) << "it is still one";
  EXPECT_FALSE(write_where_told("/dev/full", "x"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST(Files, AreWrittenWholeOrNotAtAll) {
  const test::TempDir directory;
  ASSERT_TRUE(write_file_atomically(directory / "f", "one"));
  ASSERT_TRUE(write_file_atomically(directory / "f", "two"));
  EXPECT_EQ(*read_file(directory / "f"), "two");
  const auto failed = write_file_atomically(directory / "absent/f", "x");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("absent/f"), std::string::npos) << failed.error().message;
}

}  // namespace
}  // namespace scanflow
