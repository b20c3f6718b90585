// The stream of events: what ends is told, also what ended before, and after podman itself was killed.
#include "engine/podman/watch.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <mutex>

#include "sdk/base/clock.hpp"
#include "tests/support/pods.hpp"

namespace scanflow::test {
namespace {

using podman::Event;
using podman::Watch;

/// What a watch has told so far.
class Heard {
 public:
  Watch::OnEvent on_event() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
  }
  Watch::OnTrouble on_trouble() {
    return [this](const std::string& trouble) {
      const std::lock_guard lock(mutex_);
      troubles_.push_back(trouble);
    };
  }
  /// The first event of this kind of this container, waited for.
  std::optional<Event> wait_for(Event::What what, const std::string& container) {
    std::optional<Event> found;
    eventually([&] {
      const std::lock_guard lock(mutex_);
      const auto at = std::find_if(events_.begin(), events_.end(), [&](const Event& each) {
        return each.what == what && each.container == container;
      });
      if (at != events_.end()) found = *at;
      return found.has_value();
    });
    return found;
  }
  bool had_trouble() {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return !troubles_.empty();
    });
  }

 private:
  std::mutex mutex_;
  std::vector<Event> events_;
  std::vector<std::string> troubles_;
};

/// `podman events` of this test, by its label.
std::vector<pid_t> watchers(const std::string& label) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = read(entry.path() / "cmdline");
    if (line.starts_with("podman") && line.find("label=" + label) != std::string::npos) {
      found.push_back(static_cast<pid_t>(std::stol(pid)));
    }
  }
  return found;
}

using PodmanWatch = Pods;

TEST_F(PodmanWatch, TellsOfStartEndAndRemoval) {
  Heard heard;
  const Watch watch(podman(), label(), wall_us(), heard.on_event(), heard.on_trouble());
  const std::string pod = name("seen");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(pod, {{"app", {"exit", "7"}}, {"side", {}}})));
  EXPECT_TRUE(heard.wait_for(Event::What::started, pod + "-app"));
  const auto died = heard.wait_for(Event::What::died, pod + "-app");
  ASSERT_TRUE(died);
  EXPECT_EQ(died->exit_code, 7);
  EXPECT_EQ(died->labels.at("scanflow.dev/test"), std::to_string(::getpid()));
  const auto side = heard.wait_for(Event::What::died, pod + "-side");
  ASSERT_TRUE(side);
  EXPECT_EQ(side->exit_code, 0);
  ASSERT_TRUE(podman().remove(pod));
  EXPECT_TRUE(heard.wait_for(Event::What::removed, pod + "-app"));
}

TEST_F(PodmanWatch, TellsWhatHappenedBeforeIt) {
  const std::int64_t before = wall_us();
  const std::string pod = name("before");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(pod, {{"app", {"exit", "5"}}})));
  ended(pod);
  Heard heard;
  const Watch watch(podman(), label(), before, heard.on_event(), heard.on_trouble());
  const auto died = heard.wait_for(Event::What::died, pod + "-app");
  ASSERT_TRUE(died);
  EXPECT_EQ(died->exit_code, 5);
}

TEST_F(PodmanWatch, OutlivesItsPodmanAndMissesNothing) {
  Heard heard;
  const std::string pod = name("outlives");
  {
    const Watch watch(podman(), label(), wall_us(), heard.on_event(), heard.on_trouble());
    ASSERT_TRUE(eventually([&] { return !watchers(label()).empty(); }));
    for (const pid_t each : watchers(label())) ::kill(each, SIGKILL);
    ASSERT_NO_FATAL_FAILURE(play(this->pod(pod, {{"app", {"exit", "9"}}})));
    EXPECT_TRUE(heard.had_trouble());
    const auto died = heard.wait_for(Event::What::died, pod + "-app");
    ASSERT_TRUE(died);
    EXPECT_EQ(died->exit_code, 9);
  }
  EXPECT_TRUE(eventually([&] { return watchers(label()).empty(); })) << "it leaves its podman";
}

}  // namespace
}  // namespace scanflow::test
