// retrain: when something has happened a pipeline makes a candidate; it serves if it is surely better, for as long as it is not worse.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

#include "plugins/strategies/retrain/law.hpp"

namespace scanflow::strategies {

struct RetrainConfig {
  std::string pipeline, agent, start_on = "data.drifted", model, alias = "champion";
  nlohmann::json params = nlohmann::json::object();
  std::string candidate = "candidate", baseline = "baseline", samples = "samples",
              version = "version", serving = "serving";
  double margin = 0, sure = 1.64, lowest = 0, tolerance = 0.02, sure_worse = 3;
  std::int64_t min_samples = 100, min_looks = 5;
  std::string watch = "10m", within = "6h", rest = "0s";
  template <class V>
  void fields(V& f) {
    f("pipeline", pipeline)
        .required()
        .min_length(1)
        .doc("that it runs: [NAMESPACE/]NAME[@VERSION]");
    f("params", params).doc("its parameters");
    f("agent", agent).doc("whose rule this is, NAMESPACE/NAME: whose runs it takes for its own");
    f("start_on", start_on).doc("the type of event that begins it: data.drifted, or drift.*");
    f("model", model).required().min_length(1).doc("the registered model's name");
    f("alias", alias).doc("that means the version that serves");
    f("candidate", candidate).doc("the output: share of right answers on the gate set");
    f("baseline", baseline).doc("the output: the same of the version that serves");
    f("samples", samples).doc("the output: how many samples the gate set has");
    f("version", version).doc("the output: the candidate's");
    f("serving", serving).doc("the output: that serves now");
    f("margin", margin).min(0).max(1).doc("by how much it must be better");
    f("sure", sure).min(0).max(6).doc("standard deviations: how sure that must be");
    f("lowest", lowest).min(0).max(1).doc("one below is never promoted");
    f("min_samples", min_samples).min(1).doc("of the gate set, at least");
    f("watch", watch).doc("how long see.quality is looked at afterwards; 0s: not");
    f("tolerance", tolerance).min(0).max(1).doc("by how much it may be worse than before");
    f("sure_worse", sure_worse)
        .min(1)
        .max(10)
        .doc("standard deviations: how sure it must be worse");
    f("min_looks", min_looks).min(2).doc("at see.quality, before it is rolled back");
    f("within", within).doc("the run's end is waited for so long");
    f("rest", rest).doc("between the beginnings of two retrainings, at least");
  }
};

class RetrainStrategy : public Strategy {
 public:
  using Config = RetrainConfig;
  static Description describe();
  explicit RetrainStrategy(Config config);
  Decision decide(const Evidence& evidence) override;

 private:
  std::optional<RunEnd> own_end(const nlohmann::json& event) const;
  void ask(const RetrainStep& step, std::vector<Action>& actions) const;

  const Config config_;
  std::string name_space_, name_;  // of the pipeline
  RetrainLaw law_;
};

}  // namespace scanflow::strategies
