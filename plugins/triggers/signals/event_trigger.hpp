// event: fires when somebody emits an event.
#pragma once

#include <scanflow/trigger.hpp>
#include <string>

namespace scanflow::triggers {

struct EventConfig {
  std::string type, source;
  nlohmann::json where = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("type", type).required().doc("of the event: drift, or drift.*");
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
  const Config config_;
};

}  // namespace scanflow::triggers
