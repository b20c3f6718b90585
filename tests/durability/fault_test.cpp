// Disks that fail or are full, at each moment of a run: it ends with the true reason, shows nothing
// false, and goes on when the disk is mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/durability/trial.hpp"
#include "tests/support/results.hpp"
#include "tests/support/small_disk.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kMostWrites = 400;  // more writes than the run has

/// What people must be told: what failed, and what to do.
void expect_said(const std::string& text) {
  EXPECT_THAT(text, AnyOf(HasSubstr("I/O error"), HasSubstr("Input/output error"),
                          HasSubstr("No space left"), HasSubstr("full"),
                          HasSubstr("unable to open database file")));
  EXPECT_THAT(text, AnyOf(HasSubstr("--state"), HasSubstr("free some space"), HasSubstr("mend")));
}

/// There are many writes: the ordinary suite tries some of them.
int stride_of(const std::string& kind) {
  const bool many = kind == "write" || kind == "full";
  return many && std::getenv("SCANFLOW_KILLS") == nullptr ? 11 : 1;
}

class Faulty : public testing::TestWithParam<std::string> {};

TEST_P(Faulty, AtEachMomentOfARun) {
  const int stride = stride_of(GetParam());
  for (int k = 1; k <= kMostWrites; k += stride) {
    const std::string fault = GetParam() + ":" + std::to_string(k);
    SCOPED_TRACE(fault);
    Trial trial(scenario("chain"));
    const Output output = trial.live(0, fault);
    const bool happened = trial.fault_happened();
    EXPECT_THAT(output.exit, AnyOf(0, 1, 3)) << output.out << output.err;
    if (output.exit == 3) expect_said(output.err);
    if (output.exit == 1) expect_said(output.out);
    const Output list = trial.scanflow()({"runs", "list"});
    const bool nothing_yet = list.err.find("there are no runs") != std::string::npos;
    EXPECT_TRUE(list.exit == 0 || nothing_yet) << list.err;
    trial.remember();
    if (output.exit == 1) {
      trial.retry(0);
    } else {
      trial.finish(0);
    }
    trial.check_what_is_left();
    if (!happened || HasFailure()) return;
  }
  FAIL() << "there was no end of it";
}

INSTANTIATE_TEST_SUITE_P(Disk, Faulty, testing::Values("write", "sync", "open", "truncate", "full"),
                         [](const auto& kind) { return kind.param; });

/// Whatever writes there: the engine, the supervisor, the steps.
class SmallState : public testing::TestWithParam<int> {};

TEST_P(SmallState, IsFullAtSomeMoment) {
  const SmallDisk disk("2m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  const std::filesystem::path ballast = disk.path() / "ballast";
  write(ballast, std::string(static_cast<std::size_t>(2048 - GetParam()) * 1024, 'x'));
  Trial trial(scenario("bulky"));
  std::filesystem::create_directory_symlink(disk.path(), trial.scanflow().state());
  const Output output = trial.live(0);
  EXPECT_THAT(output.exit, AnyOf(0, 1, 3)) << output.out << output.err;
  if (output.exit == 3) expect_said(output.err);
  ASSERT_TRUE(disk.remount(0, "size=8m"));
  trial.remember();
  const Output resumed = trial.live(0);
  if (resumed.exit == 1) {  // attempts had no space: the programs say so, or the supervisor
    EXPECT_THAT(resumed.out, AnyOf(HasSubstr("No space left"), HasSubstr("write error")));
    trial.retry(0);
  } else {
    trial.finish(0);
  }
  trial.check_what_is_left();
}

INSTANTIATE_TEST_SUITE_P(Kibibytes, SmallState, testing::Range(0, 1400, 100));

}  // namespace
}  // namespace scanflow::test
