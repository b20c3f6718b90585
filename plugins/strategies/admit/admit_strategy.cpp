// admit: what a run or a service is given before it begins.
#include <scanflow/strategy.hpp>
#include <string>
#include <vector>

#include "plugins/common/names.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

struct AdmitConfig {
  std::vector<std::string> steps = {"*"}, uses, deny;
  json set = json::object(), patch = json::object();
  template <class V>
  void fields(V& f) {
    f("steps", steps).doc("names of steps that are meant, or beginnings of them: train*");
    f("uses", uses).doc("only steps with one of these plugins: torch.train");
    f("set", set)
        .doc(
            "what each of them gets: {priority: -10, placement: {affinity: ...}, resources: "
            "{...}}; "
            "what the step says itself stays");
    f("patch", patch)
        .doc("a JSON Merge Patch of the whole document: {max_parallel: 2}, {scaling: {min: 2}}");
    f("deny", deny).doc("plugins that no step may use: then it is not run");
  }
};

/// A patch that leaves what is there.
json only_missing(const json& wanted, const json& there) {
  json patch = json::object();
  for (const auto& [key, value] : wanted.items()) {
    const auto found = there.find(key);
    if (found == there.end()) {
      patch[key] = value;
    } else if (found->is_object() && value.is_object()) {
      if (json inner = only_missing(value, *found); !inner.empty()) patch[key] = std::move(inner);
    }
  }
  return patch;
}

class AdmitStrategy : public Strategy {
 public:
  using Config = AdmitConfig;
  static Description describe() {
    return {.id = "admit",
            .version = "1.0.0",
            .summary =
                "Gives what is submitted what it does not say itself, or "
                "denies it",
            .primitives = {"admit"}};
  }
  explicit AdmitStrategy(Config config) : config_(std::move(config)) {
    if (!config_.set.is_object() || !config_.patch.is_object())
      throw Invalid("set, patch: write maps: {priority: -10}");
    if (config_.set.empty() && config_.patch.empty() && config_.deny.empty())
      throw Invalid("set, patch, deny: write at least one of them");
  }

  Decision decide(const Evidence& evidence) override {
    const json document = evidence.evidence.value("document", json::object());
    json steps = json::object();
    for (const json& step : document.value("steps", json::array())) {
      if (!step.is_object()) continue;
      const std::string name = step.value("name", ""), uses = step.value("uses", "command");
      if (is_named(config_.deny, uses))
        return {
            {{"admit",
              json::object(),
              {{"deny", "the step " + name + " uses " + uses + ", which is not admitted here"}}}}};
      if (!is_named(config_.steps, name)) continue;
      if (!config_.uses.empty() && !is_named(config_.uses, uses)) continue;
      if (json patch = only_missing(config_.set, step); !patch.empty()) steps[name] = patch;
    }
    json args = json::object();
    if (!steps.empty()) args["steps"] = std::move(steps);
    if (json patch = only_missing(config_.patch, document); !patch.empty()) args["patch"] = patch;
    if (args.empty()) return {};
    return {{{"admit", json::object(), std::move(args)}}};
  }

 private:
  const Config config_;
};

}  // namespace
}  // namespace scanflow::strategies

SCANFLOW_PLUGIN("admit", "1.0.0", scanflow::strategies::AdmitStrategy)
