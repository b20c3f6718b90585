// Triggers and strategies for tests of agents: they do what their events say, also crash and hang.
#include <signal.h>
#include <unistd.h>

#include <scanflow/strategy.hpp>
#include <scanflow/trigger.hpp>
#include <stdexcept>
#include <string>

namespace {

using nlohmann::json;

/// What an event's payload says under this name.
void do_as_told(const json& event, const char* name) {
  const json payload = event.value("payload", json::object());
  const std::string told = payload.is_object() ? payload.value(name, "") : "";
  if (told == "crash") ::raise(SIGSEGV);
  if (told == "hang") ::pause();
  if (told == "throw") throw std::runtime_error("as it was told");
}

struct ObedientConfig {
  std::string type = "*";
  template <class V>
  void fields(V& f) {
    f("type", type).doc("of events");
  }
};
/// Fires for each event, and counts them.
class Obedient : public scanflow::Trigger {
 public:
  using Config = ObedientConfig;
  static scanflow::Description describe() {
    return {.id = "test.obedient", .version = "1.0.0", .summary = "Does as an event says"};
  }
  explicit Obedient(Config config) : config_(std::move(config)) {}
  std::vector<json> watches() const override {
    return {{{"source", "events"}, {"type", config_.type}}};
  }
  scanflow::WakeResult wake(const scanflow::Wake& wake) override {
    if (wake.reason != scanflow::WakeReason::event) return {};
    do_as_told(wake.event, "trigger");
    const int count = wake.state.empty() ? 1 : std::stoi(std::string(wake.state)) + 1;
    json evidence = wake.event;
    evidence["count"] = count;
    return {.fires = {evidence}, .state = std::to_string(count)};
  }

 private:
  const Config config_;
};

struct AskerConfig {
  std::string primitive = "emit";
  template <class V>
  void fields(V& f) {
    f("primitive", primitive).doc("that it asks for");
  }
};
/// Asks for one primitive, and counts how often.
class Asker : public scanflow::Strategy {
 public:
  using Config = AskerConfig;
  static scanflow::Description describe() {
    return {.id = "test.asker",
            .version = "1.0.0",
            .summary = "Asks for a primitive",
            .primitives = {"emit", "notify"}};
  }
  explicit Asker(Config config) : config_(std::move(config)) {}
  scanflow::Decision decide(const scanflow::Evidence& evidence) override {
    do_as_told(evidence.evidence, "strategy");
    const int count = evidence.state.empty() ? 1 : std::stoi(std::string(evidence.state)) + 1;
    return {.actions = {{config_.primitive,
                         json::object(),
                         {{"type", "asked"}, {"payload", {{"count", count}}}}}},
            .state = std::to_string(count)};
  }

 private:
  const Config config_;
};

}  // namespace

SCANFLOW_PLUGIN("controlled", "1.0.0", Obedient, Asker)
