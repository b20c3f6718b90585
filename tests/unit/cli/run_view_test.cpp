#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include <chrono>
#include <cstdio>

#include "engine/cli/progress.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cli {
namespace {

json accepted() {
  const auto step = [](const char* name, json needs) {
    return json{{"name", name},        {"uses", "noop"},           {"phase", "main"},
                {"status", "pending"}, {"started_us", 0},          {"ended_us", 0},
                {"attempts", 0},       {"needs", std::move(needs)}};
  };
  return {{"type", "accepted"},    {"run", "0193f2c1-aaaa-7000-8000-000000000000"},
          {"pipeline", "p"},       {"namespace", "default"},
          {"backend", "local"},    {"jobs", 2},
          {"created_us", 1000000}, {"steps", {step("load", json::array()), step("train", {0})}}};
}

json event(const char* type, const char* step, std::int64_t time_us, json more = json::object()) {
  json body = {{"type", type}, {"step", step}, {"time_us", time_us}};
  body.update(more);
  return {{"type", "event"}, {"event", body}};
}

TEST(RunView, FollowsStepsThroughTheirLife) {
  RunView view;
  view.update(accepted());
  EXPECT_EQ(view.place(), "local, 2 at once");
  EXPECT_TRUE(view.update(event("attempt_started", "load", 2000000, {{"attempt", 1}})).empty());
  EXPECT_EQ(view.count("running"), 1u);
  const auto ended =
      view.update(event("attempt_ended", "load", 3000000,
                        {{"attempt", 1}, {"data", {{"outputs", {{"summary", "10 digits"}}}}}}));
  ASSERT_EQ(ended, std::vector<std::uint32_t>{0});
  EXPECT_EQ(view.steps()[0].status, "succeeded");
  EXPECT_EQ(view.steps()[0].message, "10 digits");
  EXPECT_EQ(view.done(), 1u);
}

TEST(RunView, ARetryIsNotTheEnd) {
  RunView view;
  view.update(accepted());
  view.update(event("attempt_started", "load", 2000000, {{"attempt", 1}}));
  view.update(
      event("attempt_ended", "load", 2100000,
            {{"attempt", 1}, {"cause", "crash"}, {"data", {{"message", "SIGSEGV\nmore"}}}}));
  view.update(event("retry_scheduled", "load", 2100000, {{"wake_us", 4100000}}));
  EXPECT_EQ(view.steps()[0].status, "waiting");
  EXPECT_EQ(view.steps()[0].message, "crash: SIGSEGV (tried again in 2 s)");
  EXPECT_EQ(view.done(), 0u);
}

TEST(RunView, AStepThatAFailureElsewhereHasStoppedIsCancelled) {
  RunView view;
  view.update(accepted());
  view.update(event("attempt_started", "load", 2000000, {{"attempt", 1}}));
  view.update(event("attempt_ended", "load", 2100000, {{"attempt", 1}, {"cause", "upstream"}}));
  EXPECT_EQ(view.steps()[0].status, "cancelled");
}

TEST(RunView, EstimatesByTheCriticalPath) {
  RunView view;
  view.update(accepted());
  EXPECT_EQ(view.estimate_us(1000000), 0) << "nothing is known yet";
  view.set_history({{"load", 2.0}, {"train", 10.0}});
  EXPECT_EQ(view.estimate_us(1000000), 12'000'000);
  view.update(event("attempt_started", "load", 1000000, {{"attempt", 1}}));
  view.update({{"type", "progress"},
               {"step", "load"},
               {"attempt", 1},
               {"fraction", 0.5},
               {"message", "half"}});
  EXPECT_EQ(view.estimate_us(2000000), 11'000'000)
      << "half done in a second: one more, and the training";
}

TEST(ProgressPrinter, PrintsALineForEachStepThatEnds) {
  const scanflow::test::TempDir directory;
  std::FILE* file = std::fopen((directory / "out").c_str(), "w");
  {
    ProgressPrinter printer(ProgressPrinter::Style::lines, ::fileno(file));
    printer.update(accepted());
    printer.update(event("attempt_started", "load", 2000000, {{"attempt", 1}}));
    printer.update(event(
        "attempt_ended", "load", 3500000,
        {{"attempt", 1}, {"cause", "exit"}, {"data", {{"message", "exited with status 3"}}}}));
  }
  std::fclose(file);
  const std::string text = scanflow::test::read(directory / "out");
  EXPECT_NE(text.find("p  0193f2c1-aaaa-7000  local, 2 at once\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✗ load"), std::string::npos) << text;
  EXPECT_NE(text.find("1.5 s  exit: exited with status 3"), std::string::npos) << text;
}

TEST(ProgressPrinter, IntoAPipeNamesAreWholeAndAlignedWithThoseOfCalledRuns) {
  const scanflow::test::TempDir directory;
  std::FILE* file = std::fopen((directory / "out").c_str(), "w");
  const std::string longest = "train[note=" + std::string(80, 'n') + ",rate=1]";
  {
    ProgressPrinter printer(ProgressPrinter::Style::lines, ::fileno(file), " --state '/a b'");
    json start = accepted();
    start["name_columns"] = 20;
    start["steps"][1]["name"] = longest;
    printer.update(start);
    printer.update(event("step_skipped", "load", 2000000));
    printer.update(event("approval_requested", longest.c_str(), 2000000));
  }
  std::fclose(file);
  const std::string text = scanflow::test::read(directory / "out");
  EXPECT_NE(text.find("– load" + std::string(56, ' ')), std::string::npos) << text;
  EXPECT_NE(
      text.find("scanflow runs approve 0193f2c1-aaaa-7000 '" + longest + "' --state '/a b'\n"),
      std::string::npos)
      << text;
}

/// A terminal: what is printed on `screen` can be read from `reader`.
struct Terminal {
  Terminal() {
    winsize size{.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::openpty(&reader, &screen, nullptr, nullptr, &size) != 0) std::abort();
  }
  ~Terminal() {
    ::close(reader);
    ::close(screen);
  }
  void resize(unsigned short columns) const {
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(screen, TIOCSWINSZ, &size);
  }
  /// All until `end` has come; the kernel hands a terminal's text on when it likes.
  std::string read_to(const std::string& end) const {
    constexpr int kPatienceMs = 10'000;
    std::string text;
    std::array<char, 8192> buffer{};
    pollfd wait{reader, POLLIN, 0};
    while (text.find(end) == std::string::npos && ::poll(&wait, 1, kPatienceMs) > 0) {
      const ssize_t n = ::read(reader, buffer.data(), buffer.size());
      if (n <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  int reader = -1, screen = -1;
};

TEST(ProgressPrinter, ErasesWholeWhatANarrowedTerminalHasBroken) {
  const Terminal terminal;
  ProgressPrinter printer(ProgressPrinter::Style::live, terminal.screen);
  const std::int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  json start = accepted();
  start["created_us"] = now;
  printer.update(start);
  printer.update(event("attempt_started", "load", now, {{"attempt", 1}}));
  printer.update({{"type", "progress"},
                  {"step", "load"},
                  {"attempt", 1},
                  {"fraction", -1},
                  {"message", std::string(60, 'm')}});
  printer.tick();
  const std::string drawn = terminal.read_to("running");
  EXPECT_NE(drawn.find("load  "), std::string::npos) << drawn;
  terminal.resize(45);
  printer.finish();
  // The step's 88 columns take two rows now, the waiting step's and the status line's one each.
  const std::string row = "\033[A\033[2K";
  const std::string erased = terminal.read_to(row + row + row + row);
  EXPECT_NE(erased.find(row + row + row + row), std::string::npos) << erased;
  EXPECT_EQ(erased.find("\033[J"), std::string::npos) << "tmux would keep the frame in its history";
}

TEST(RunView, SeriesOfOneNameWithOtherLabelsAreOthers) {
  RunView view;
  view.update(accepted());
  for (const char* split : {"train", "validation"}) {
    view.update({{"type", "metric"},
                 {"step", "train"},
                 {"attempt", 1},
                 {"name", "loss"},
                 {"value", 0.5},
                 {"at_step", 1},
                 {"labels", {{"split", split}}}});
  }
  EXPECT_EQ(view.steps()[1].metrics.size(), 2u);
}

}  // namespace
}  // namespace scanflow::cli
