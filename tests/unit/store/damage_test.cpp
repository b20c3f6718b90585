// What goes wrong with files and disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/small_disk.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using test::SmallDisk;
using test::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

std::string error_of(const Result<std::unique_ptr<Store>>& opened) {
  return opened ? "opened" : opened.error().message;
}

std::string open_error(const std::filesystem::path& directory) {
  return error_of(Store::open(directory, Durability::process));
}

Batch event(std::int64_t seq, std::size_t bytes = 10) {
  return {.events = {{"r", seq, 1, std::string(bytes, 'x')}}};
}

TEST(Damage, ANewerSchemaIsRefused) {
  const TempDir directory;
  ASSERT_EQ(open_error(directory.path()), "opened");
  execute(directory / "scanflow.db", "PRAGMA user_version = 9");
  const std::string reason =
      "the database was written by a newer Scanflow (schema 9, this one knows 8); use that "
      "version, or choose another state directory with --state";
  EXPECT_EQ(open_error(directory.path()), reason);
  EXPECT_EQ(error_of(Store::open_read_only(directory.path())), reason);
}

TEST(Damage, TheDatabaseOfAnotherProgramIsLeftAlone) {
  const TempDir directory;
  execute(directory / "scanflow.db", "CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(open_error(directory.path()),
              HasSubstr("scanflow.db is a database of another program; move it away"));
}

TEST(Damage, AFileThatIsNoDatabaseIsRefused) {
  const TempDir directory;
  directory.write("scanflow.db", std::string(8192, 'z'));
  EXPECT_THAT(open_error(directory.path()),
              AllOf(HasSubstr("scanflow.db: file is not a database"),
                    HasSubstr("restore a backup, or move it away to begin anew")));
  EXPECT_EQ(test::read(directory / "scanflow.db"), std::string(8192, 'z'));
}

TEST(Damage, ADamagedPageIsAnErrorAndNoCrash) {
  const TempDir directory;
  {
    auto store = Store::open(directory.path(), Durability::process);
    ASSERT_TRUE(store);
    for (int i = 1; i <= 300; ++i) ASSERT_TRUE(commit(**store, event(i, 2000)));
    ASSERT_TRUE(commit(**store, {.runs = {{.id = "r", .events = 300}}}));
  }
  std::string bytes = test::read(directory / "scanflow.db");
  ASSERT_GT(bytes.size(), 200'000u);
  for (std::size_t i = bytes.size() / 2; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0xa5);
  directory.write("scanflow.db", bytes);
  auto store = Store::open(directory.path(), Durability::process);
  ASSERT_TRUE(store) << store.error().message;
  const auto events = (*store)->events("r");
  ASSERT_FALSE(events);
  EXPECT_THAT(events.error().message, AllOf(HasSubstr("damaged"), HasSubstr("restore a backup")));
}

TEST(Damage, NoDatabaseYetIsSaid) {
  const TempDir directory;
  EXPECT_THAT(error_of(Store::open_read_only(directory.path())),
              AllOf(HasSubstr("there are no runs in"), HasSubstr("--state")));
}

TEST(Damage, AFileInPlaceOfTheDirectoryIsSaid) {
  const TempDir directory;
  directory.write("state", "");
  EXPECT_THAT(open_error(directory / "state"),
              AllOf(HasSubstr("cannot make the state directory"), HasSubstr("--state")));
}

TEST(Damage, AReadOnlyDirectoryIsSaidAndCanStillBeRead) {
  SmallDisk disk("4m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  {
    auto store = Store::open(disk.path(), Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(commit(**store, event(1)));
  }
  ASSERT_TRUE(disk.remount(MS_RDONLY, ""));
  EXPECT_THAT(open_error(disk.path()), AllOf(HasSubstr("read-only"), HasSubstr("--state")));
  EXPECT_THAT(open_error(disk.path() / "fresh"), HasSubstr("cannot make the state directory"));
  auto reader = Store::open_read_only(disk.path());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_THAT((*reader)->events("r").value(), SizeIs(1));
}

TEST(Damage, WithoutPermissionToWriteItSaysSo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TempDir directory;
  ASSERT_EQ(open_error(directory.path()), "opened");
  std::filesystem::permissions(directory / "scanflow.db", std::filesystem::perms::owner_read);
  EXPECT_THAT(open_error(directory.path()), AllOf(HasSubstr("read-only"), HasSubstr("--state")));
}

TEST(Damage, AFullDiskFailsTheCommitAndTheDatabaseStillOpens) {
  SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  std::int64_t committed = 0;
  {
    auto store = Store::open(disk.path(), Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    Result<void> result;
    while (result && committed < 1000) {
      result = commit(**store, event(committed + 1, 20'000));
      committed += result.has_value();
    }
    ASSERT_FALSE(result) << "the disk never filled";
    EXPECT_GT(committed, 3);
    EXPECT_THAT(result.error().message,
                AllOf(HasSubstr("nothing is recorded any more"), HasSubstr("free some space")));
    EXPECT_FALSE(commit(**store, event(committed + 2))) << "a gap";
    EXPECT_THAT((*store)->events("r").value(), SizeIs(committed));
  }
  {
    auto reader = Store::open_read_only(disk.path());
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_THAT((*reader)->events("r").value(), SizeIs(committed));
  }
  ASSERT_TRUE(disk.remount(0, "size=8m"));
  auto store = Store::open(disk.path(), Durability::process);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT((*store)->events("r").value(), SizeIs(committed));
  EXPECT_TRUE(commit(**store, event(committed + 1)));
}

TEST(Damage, ADiskThatIsFullFromTheStartIsSaid) {
  SmallDisk disk("64k");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  test::write(disk.path() / "ballast", std::string(60'000, 'x'));
  EXPECT_THAT(open_error(disk.path()), HasSubstr("free some space"));
}

// Needs no rights: a limit on the size of files fails writes as a full disk does.
TEST(Damage, AWriteThatFailsIsSticky) {
  const TempDir directory;
  auto store = Store::open(directory.path(), Durability::process);
  ASSERT_TRUE(store);
  ASSERT_TRUE(commit(**store, event(1)));
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit tight{200'000, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto too_big = commit(**store, event(2, 500'000));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(too_big);
  EXPECT_THAT(too_big.error().message, AllOf(HasSubstr("nothing is recorded any more"),
                                             HasSubstr("scanflow.db: disk I/O error"),
                                             HasSubstr("mend it, or choose another state")));
  EXPECT_FALSE(commit(**store, event(2))) << "though there is space again";
  store->reset();
  auto again = Store::open(directory.path(), Durability::process);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT((*again)->events("r").value(), SizeIs(1));
}

// A process that commits without end is killed; whatever it said was committed is there.
TEST(Damage, NothingCommittedIsLostByKill9) {
  const TempDir directory;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::open(directory.path(), Durability::process);
    for (std::int64_t seq = 1; store; ++seq) {
      if (!commit(**store, event(seq))) break;
      if (::write(pipe_ends[1], &seq, sizeof seq) != sizeof seq) break;
    }
    ::_exit(1);
  }
  ::close(pipe_ends[1]);
  std::int64_t said = 0;
  while (said < 200 && ::read(pipe_ends[0], &said, sizeof said) == sizeof said) {
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (std::int64_t more = 0; ::read(pipe_ends[0], &more, sizeof more) == sizeof more;) said = more;
  ::close(pipe_ends[0]);
  ASSERT_GE(said, 200);

  auto store = Store::open(directory.path(), Durability::process);
  ASSERT_TRUE(store) << store.error().message;
  const auto events = (*store)->events("r").value();
  ASSERT_GE(static_cast<std::int64_t>(events.size()), said);
  EXPECT_LE(static_cast<std::int64_t>(events.size()), said + 1);
  for (std::size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].seq, static_cast<std::int64_t>(i + 1)) << "a gap";
  }
}

}  // namespace
}  // namespace scanflow::store
