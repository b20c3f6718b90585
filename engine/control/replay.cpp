#include "engine/control/replay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>

#include "engine/control/agent_runner.hpp"
#include "engine/control/ledger.hpp"
#include "engine/runtime/metric_answers.hpp"
#include "engine/runtime/recent_metrics.hpp"
#include "engine/store/store.hpp"

namespace scanflow::control {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostTimers = 10'000'000;  // of a rule that wakes itself without end
constexpr std::int64_t kMaintainUs = 1'000'000;

/// Whatever is asked for is not done: rules that are replayed only recommend.
class NobodyActs final : public Actor {
 public:
  void act(const Order&, std::function<void(Outcome)> then) override {
    then({"FAILED", "this is a replay", json::object()});
  }
};

/// Gone with it.
class Scratch {
 public:
  Scratch() : path_((fs::temp_directory_path() / "scanflow-replay-XXXXXX").string()) {
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  ~Scratch() {
    std::error_code ignored;
    if (made_) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

std::shared_ptr<const pipeline::AgentSpec> only_recommending(const pipeline::AgentSpec& spec) {
  auto copy = std::make_shared<pipeline::AgentSpec>(spec);
  for (pipeline::AgentRule& each : copy->rules) each.guard.mode = pipeline::RuleMode::recommend;
  return copy;
}

}  // namespace

Result<std::vector<Decision>> replay(const ReplayOptions& options,
                                     const std::vector<Recorded>& record) {
  if (record.empty()) return std::vector<Decision>();
  const Scratch scratch;
  if (!scratch.made()) return fail(scratch.path() + ": cannot be made");
  auto store = store::Store::open(scratch.path(), store::Durability::process);
  if (!store) return tl::unexpected(store.error());
  Ledger ledger(**store);
  NobodyActs nobody;
  runtime::RecentMetrics recent;
  std::atomic<std::int64_t> now_us = record.front().time_us;
  AgentRunner::Options how;
  how.spec = only_recommending(*options.spec);
  how.catalog = options.catalog;
  how.worker = options.worker;
  how.clock = [&] { return now_us.load(); };
  how.metrics = [&](const pipeline::MetricQuery& query) {
    return runtime::ask_metrics(recent, query, now_us);
  };
  how.watching = [&](const json& what, const AgentRunner::TakeSample& take) {
    if (what.at("source") == "samples")
      recent.watch(what.at("name"), what.value("labels", Labels()), take);
  };
  how.log = options.log;
  AgentRunner runner(std::move(how), ledger, nobody);
  std::size_t timers = 0;
  auto next = runner.settle();
  const auto advance = [&](std::int64_t to_us) {
    while (next && *next <= to_us && ++timers < kMostTimers) {
      now_us = std::max(*next, now_us.load());
      next = runner.settle();
    }
    now_us = std::max(to_us, now_us.load());
  };
  std::int64_t maintained_us = now_us;
  for (const Recorded& each : record) {
    advance(each.time_us);
    if (each.event) {
      if (const auto added = ledger.add(*each.event); !added) return tl::unexpected(added.error());
    } else {
      recent.observed(each.sample->name, each.sample->labels, each.sample->kind,
                      {each.time_us, each.sample->value});
    }
    if (now_us - maintained_us >= kMaintainUs) {
      recent.maintain(now_us);
      maintained_us = now_us;
    }
    next = runner.settle();
  }
  advance(options.until_us);
  if (timers >= kMostTimers) return fail("a rule wakes itself without end");
  runner.end();
  auto decisions = ledger.decisions({.limit = static_cast<std::size_t>(Ledger::kMostDecisions)});
  if (decisions) std::reverse(decisions->begin(), decisions->end());
  return decisions;
}

}  // namespace scanflow::control
