// Serves the registered documents of kind: InferenceService: what is applied is served, what is deleted ends,
// and where an alias means another version of a model than before, that is what is served from then on.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "engine/pipeline/service_spec.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/serve/plan.hpp"
#include "engine/services/place.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::services {

using nlohmann::json;

/// A thread of its own. Thread-safe.
class Services {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::function<std::shared_ptr<const loader::Catalog>()> catalog;  // null: it cannot be found
    std::function<void(const std::string& line)> log;                 // [any-thread]
  };
  static Result<std::unique_ptr<Services>> start(Options options, std::unique_ptr<Place> place);
  /// As the end of its place.
  ~Services();
  /// The engine is about to end.
  void forget_engine() { place_->forget_engine(); }

  /// [{"namespace", "name", "version", "status": ready | starting | backup | failed, "problem", "url", "models",
  /// "slo_p99_us", "slo_errors" (a share: 0 to 1), and what Place::describe says}]
  json list() const;
  /// One of them, with what each replica says of itself ("processes"). Nothing where there is none. Blocks.
  std::optional<json> show(const serve::ServiceName& name) const;
  /// The last of what its replicas have logged, each line with the replica before it.
  std::optional<std::string> logs(const serve::ServiceName& name) const;

 private:
  /// What could not be done, why, and when it is tried again: after growing waits.
  struct Refused {
    json what;
    std::string why;
    std::int64_t again_us = 0, wait_us = 0;
  };
  struct Hosted {
    std::uint32_t version = 0;  // of the document
    std::shared_ptr<const pipeline::ServiceSpec> spec;
    std::optional<infer::ServiceDocument> planned, backup;  // what is served
    std::string problem;
    std::map<std::string, Refused> refused;  // by what it is about
  };

  Services(Options options, std::unique_ptr<store::Store> store, std::unique_ptr<Place> place);
  static std::string unless_refused(std::map<std::string, Refused>& known, const std::string& about,
                                    const json& what, std::int64_t longest_us,
                                    const std::function<Result<void>()>& act);
  void loop();
  void look();
  void keep(const std::set<serve::ServiceName>& there);
  void look_at(const store::Document& newest);
  std::string read(const store::Document& newest, Hosted& hosted);
  serve::FindModel find_model() const;
  std::string serve(const serve::ServiceName& name, Hosted& hosted);
  std::string back_up(const serve::ServiceName& name, Hosted& hosted);
  std::string follow_models(const serve::ServiceName& name, Hosted& hosted,
                            infer::ServiceDocument planned);
  json describe(const serve::ServiceName& name, const Hosted& hosted) const;

  const Options options_;
  const std::unique_ptr<store::Store> store_;
  const std::unique_ptr<Place> place_;
  mutable std::mutex mutex_;  // guards what follows; changed by the thread alone
  std::condition_variable changed_;
  std::map<serve::ServiceName, Hosted> hosted_;
  std::shared_ptr<const loader::Catalog> catalog_;  // the newest that a document was read with
  bool kept_ = false;                               // what is there was told to the place once
  std::map<std::string, Refused> refused_;          // by the place, of no service alone
  std::string problem_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace scanflow::services
