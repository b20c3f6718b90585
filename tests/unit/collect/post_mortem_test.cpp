#include "sidecar/collect/post_mortem.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/seconds.hpp"

namespace scanflow::collect {
namespace {

constexpr double kMi = 1024.0 * 1024;

/// Grows by 9 MiB a second from second 20 on, up to its limit of 512 MiB at second 60.
History grown() {
  History history;
  for (int i = 0; i <= 60; ++i) {
    Values values;
    const double used = (152 + (i < 20 ? 0 : 9 * (i - 20))) * kMi;
    values.set(Metric::resident, used);
    values.set(Metric::memory_used_ratio, used / (512 * kMi));
    values.set(Metric::memory_some_avg10, 0.38);
    history.add(i * kSecond, values);
  }
  return history;
}

TEST(PostMortem, TheKernelKilledItForMemory) {
  Ending ending{.time_us = 61 * kSecond,
                .signal = SIGKILL,
                .oom_kills_before = 0,
                .oom_kills_after = 1,
                .memory_limit = 512 * kMi};
  for (int i = 0; i < 30; ++i) ending.last_lines.push_back("batch " + std::to_string(i));
  const PostMortem result = make_post_mortem(grown(), ending);
  EXPECT_EQ(result.cause, EndCause::out_of_memory);
  EXPECT_TRUE(result.certain);
  EXPECT_NEAR(*result.memory_peak, 512 * kMi, 1000);
  EXPECT_NEAR(*result.memory_slope, 9 * kMi, 0.01 * kMi);
  EXPECT_NEAR(static_cast<double>(*result.growing_since_us), 21e6, 2e6);
  EXPECT_NEAR(*result.memory_pressure, 0.38, 1e-6);
  ASSERT_EQ(result.curves.size(), 3u);
  for (const Curve& curve : result.curves) EXPECT_EQ(curve.values.size(), 60u);
  ASSERT_EQ(result.last_lines.size(), 20u);
  EXPECT_EQ(result.last_lines.back(), "batch 29");
  EXPECT_EQ(summary(result),
            "limit 512 MiB, peak 512 MiB, growing 9.0 MiB/s for 39.0 s; out of memory: killed by "
            "the kernel (SIGKILL)");
}

struct Case {
  Ending ending;
  EndCause cause;
  bool certain;
  std::string words;
};

TEST(PostMortem, TellsCausesApart) {
  const std::vector<Case> cases = {
      {{.exit_code = 0}, EndCause::completed, true, "completed"},
      {{.exit_code = 3}, EndCause::failed, true, "exit code 3"},
      {{.signal = SIGSEGV}, EndCause::crashed, true, "crashed (SIGSEGV)"},
      {{.exit_code = 134}, EndCause::crashed, true, "crashed (SIGABRT)"},  // by a shell
      {{.signal = SIGTERM}, EndCause::killed, true, "killed by a signal (SIGTERM)"},
      {{.signal = SIGKILL}, EndCause::out_of_memory, false, "at its memory limit (probably)"},
      {{.signal = SIGKILL, .asked = true}, EndCause::stopped, true, "stopped as asked"},
      {{.exit_code = 137, .oom_kills_before = 1, .oom_kills_after = 2},
       EndCause::out_of_memory,
       true,
       "killed by the kernel"},
      {{.signal = SIGKILL, .asked = true, .oom_kills_before = 1, .oom_kills_after = 2},
       EndCause::out_of_memory,
       true,
       "killed by the kernel"},
      {{.exit_code = 1, .oom_kills_before = 0, .oom_kills_after = 1},
       EndCause::out_of_memory,
       false,
       "killed a process of it"},
      {{.exit_code = 0, .oom_kills_before = 0, .oom_kills_after = 1},
       EndCause::completed,
       true,
       ""},
      {{}, EndCause::unknown, false, "nobody has its exit status"}};
  for (const Case& one : cases) {
    const PostMortem result = make_post_mortem(grown(), one.ending);
    EXPECT_EQ(name_of(result.cause), name_of(one.cause)) << summary(result);
    EXPECT_EQ(result.certain, one.certain) << summary(result);
    EXPECT_NE(summary(result).find(one.words), std::string::npos) << summary(result);
  }
  const PostMortem plain = make_post_mortem(History(), {.signal = SIGKILL});
  EXPECT_EQ(plain.cause, EndCause::killed);
  EXPECT_EQ(summary(plain), "killed by a signal (SIGKILL)");
}

}  // namespace
}  // namespace scanflow::collect
