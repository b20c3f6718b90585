// Disks that fail or are full, at each moment of a run: it ends with the true reason, shows nothing
// false, and goes on when the disk is mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/durability/trial.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kMost = 400;  // more writes than the run has

/// What people must be told: what failed, and what to do.
void expect_said(const std::string& text) {
  EXPECT_THAT(text, AnyOf(HasSubstr("I/O error"), HasSubstr("Input/output error"),
                          HasSubstr("No space left"), HasSubstr("full"),
                          HasSubstr("unable to open database file")));
  EXPECT_THAT(text, AnyOf(HasSubstr("--state"), HasSubstr("free some space"), HasSubstr("mend")));
}

class Faulty : public testing::TestWithParam<std::string> {};

TEST_P(Faulty, AtEachMomentOfARun) {
  for (int k = 1; k <= kMost; ++k) {
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

}  // namespace
}  // namespace scanflow::test
