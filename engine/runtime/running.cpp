#include "engine/runtime/running.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace scanflow::runtime {
namespace {

constexpr std::size_t kMostQuantiles = 101, kMostShown = 200;

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

struct OfStep {
  std::uint32_t total = 0, ended = 0, hedges = 0;
  bool hedgeable = true;
  std::vector<double> took;
  std::vector<std::pair<double, json>> running;
};

void add(const run::Machine& machine, std::uint32_t index, std::int64_t now_us, OfStep& of) {
  const run::StepState& state = machine.step(index);
  ++of.total;
  of.hedges += state.hedges + (machine.awaits_hedge(index) ? 1 : 0);
  if (state.status == run::StepStatus::succeeded) {
    ++of.ended;
    of.took.push_back(seconds(state.ended_us - state.started_us));
  }
  if (state.status != run::StepStatus::running) return;
  const double age = seconds(now_us - state.started_us);
  const bool hedged = machine.awaits_hedge(index) || machine.in_flight(index).size() > 1;
  of.running.emplace_back(age, json{{"step", machine.planned(index).id},
                                    {"attempt", state.attempt},
                                    {"seconds", age},
                                    {"hedged", hedged}});
}

}  // namespace

std::vector<double> quantiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  if (values.size() <= kMostQuantiles) return values;
  std::vector<double> spread;
  for (std::size_t i = 0; i < kMostQuantiles; ++i)
    spread.push_back(values[i * (values.size() - 1) / (kMostQuantiles - 1)]);
  return spread;
}

bool names_pipeline(const std::string& wanted, const std::string& name_space,
                    const std::string& name) {
  return wanted.empty() || wanted == name || wanted == name_space + "/" + name;
}

json running_steps(const ActiveRun& run, const std::vector<bool>& hedgeable, std::int64_t now_us) {
  const run::Machine& machine = run.machine();
  std::map<std::uint32_t, OfStep> by_step;  // as written
  for (std::uint32_t i = 0; i < machine.size(); ++i) {
    if (machine.instances(i).second > 0) continue;  // its instances are looked at
    OfStep& of = by_step[machine.planned(i).spec];
    add(machine, i, now_us, of);
    of.hedgeable = of.hedgeable && hedgeable[i];
  }
  json all = json::array();
  for (auto& [spec, of] : by_step) {
    if (of.running.empty()) continue;
    std::stable_sort(of.running.begin(), of.running.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    if (of.running.size() > kMostShown) of.running.resize(kMostShown);
    json running = json::array();
    for (auto& [age, each] : of.running) running.push_back(std::move(each));
    all.push_back({{"run", run.id()},
                   {"namespace", run.plan().pipeline->name_space},
                   {"pipeline", run.plan().pipeline->name},
                   {"step", run.plan().pipeline->steps[spec].name},
                   {"total", of.total},
                   {"ended", of.ended},
                   {"hedges", of.hedges},
                   {"hedgeable", of.hedgeable},
                   {"seconds", quantiles_of(std::move(of.took))},
                   {"former", json::array()},
                   {"running", std::move(running)}});
  }
  return all;
}

}  // namespace scanflow::runtime
