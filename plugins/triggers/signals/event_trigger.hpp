// event: fires when somebody emits an event.
#pragma once

#include <scanflow/trigger.hpp>
#include <string>
#include <vector>

namespace scanflow::triggers {

struct EventConfig {
  std::string type, source;
  std::vector<std::string> types;
  nlohmann::json where = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("type", type).doc("of the event: drift, or drift.*");
    f("types", types)
        .min_length(1)
        .max_items(64)
        .doc("instead of 'type', where it may be of several: [drift.*, retrained]");
    f("source", source).doc("who emits it: NAMESPACE/AGENT; without it: anybody");
    f("where", where).doc("what its payload must hold: {severity: high}");
  }
};

class EventTrigger : public Trigger {
 public:
  using Config = EventConfig;
  static Description describe();
  explicit EventTrigger(Config config);
  /// Of an event: {"type", "source", "time_us", "payload"}; each that is meant fires, with it as the evidence.
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;

 private:
  Config config_;  // its 'type' is one of its 'types'
};

}  // namespace scanflow::triggers
