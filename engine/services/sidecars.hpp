// What services ask of the engine for their Pods: that their sidecars are let in, may fetch models, and tell them which
// versions they have. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/infer/document.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/serve/front.hpp"
#include "engine/services/crew.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::services {

using nlohmann::json;

class Sidecars {
 public:
  using Enrolled = runtime::Engine::Enrolled;

  /// The engine outlives it, or it was told to forget it.
  explicit Sidecars(runtime::Engine& engine) : engine_(&engine) {}
  /// It is about to end: nothing is asked any more, and whoever waits is answered.
  void forget_engine();

  /// Lets the Pods of a cluster's namespace in. Blocks.
  Result<Enrolled> enrol(const std::string& name_space);
  /// Lets one Pod in, with keys of its own, until it is dismissed. Blocks.
  Result<Enrolled> admit(const std::string& name_space, const std::string& pod);
  void dismiss(const std::string& name_space, const std::string& pod);
  /// Pods of that namespace may have the models of these nodes, in place of what was lent for this service before.
  void lend(const std::string& name_space, const serve::ServiceName& name,
            const std::vector<infer::NodeDocument>& nodes);
  /// Tells a Pod `traffic` (pod_manifests.hpp). `then` is called once, on the engine's strand; not where that ends
  /// first.
  void set_traffic(const std::string& pod_uid, const json& traffic,
                   const std::function<void(Crew::Answer)>& then);
  /// What they have told lately; null: nothing. It is the engine's.
  const knowledge::Knowledge* recent() const;

 private:
  using Then = std::function<void(Result<Enrolled>)>;
  Result<Enrolled> wait_for_hub(const std::function<void(runtime::Engine&, Then)>& ask);

  mutable std::mutex mutex_;
  runtime::Engine* engine_;
};

}  // namespace scanflow::services
