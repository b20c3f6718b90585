// Serves the registered documents of kind: InferenceService: what is applied is served, what is deleted ends,
// and where an alias means another version of a model than before, that is what is served from then on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "engine/pipeline/service_change.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/serve/plan.hpp"
#include "engine/services/place.hpp"
#include "engine/services/refusals.hpp"
#include "engine/services/sampler.hpp"
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
    std::function<void(const ServiceSample& sample)> observe;         // until forget_engine()
    /// The text of a version as it may be served; an error: why it may not. Blocks. Null: as it is.
    std::function<Result<std::string>(const store::Document& service)> admit;
  };
  static Result<std::unique_ptr<Services>> start(Options options, std::unique_ptr<Place> place);
  /// As the end of its place.
  ~Services();
  /// The engine is about to end.
  void forget_engine();

  /// [{"namespace", "name", "version", "status": ready | starting | backup | failed, "problem", "url", "models",
  /// "slo_p99_us", "slo_errors" (a share: 0 to 1), and what Place::describe says}]
  json list() const;
  /// One of them, with what each replica says of itself ("processes"). Nothing where there is none. Blocks.
  std::optional<json> show(const serve::ServiceName& name) const;
  /// The last of what its replicas have logged, each line with the replica before it.
  std::optional<std::string> logs(const serve::ServiceName& name) const;

 private:
  /// A node gets other versions, which may take as long as they take to load: the service is left alone meanwhile.
  struct Switch {
    std::size_t node = 0;
    std::vector<infer::VersionDocument> versions;
    std::shared_future<Result<std::optional<std::int64_t>>> done;
    bool is_done() const {
      return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }
  };
  struct Hosted {
    std::uint32_t version = 0;  // of the document
    std::shared_ptr<const pipeline::ServiceSpec> written,
        spec;                                               // as in the document; as it is served
    std::string change;                                     // what makes the difference
    std::optional<infer::ServiceDocument> planned, backup;  // what is served
    std::string problem;
    Refusals refused;
    std::optional<Switch> under_way;
  };

  Services(Options options, std::unique_ptr<store::Store> store, std::unique_ptr<Place> place);
  void loop();
  void look();
  void keep(const std::set<serve::ServiceName>& there);
  void look_at(const store::Document& newest);
  std::string read(const store::Document& newest, Hosted& hosted);
  std::string take_change(const serve::ServiceName& name, Hosted& hosted) const;
  serve::FindModel find_model() const;
  std::string serve(const serve::ServiceName& name, Hosted& hosted);
  std::string back_up(const serve::ServiceName& name, Hosted& hosted);
  std::string follow_models(const serve::ServiceName& name, Hosted& hosted,
                            const infer::ServiceDocument& planned);
  void begin_switch(const serve::ServiceName& name, Hosted& hosted, std::size_t node,
                    const infer::NodeDocument& planned);
  std::string end_switch(const serve::ServiceName& name, Hosted& hosted);
  json describe(const serve::ServiceName& name, const Hosted& hosted) const;

  const Options options_;
  const std::unique_ptr<store::Store> store_;
  const std::unique_ptr<Place> place_;
  mutable std::mutex mutex_;  // guards what follows; changed by the thread alone
  std::condition_variable changed_;
  std::map<serve::ServiceName, Hosted> hosted_;
  std::shared_ptr<const loader::Catalog> catalog_;  // the newest that a document was read with
  bool kept_ = false;                               // what is there was told to the place once
  Refusals refused_;                                // of no service alone
  std::string problem_;
  bool ending_ = false, switched_ = false;
  std::unique_ptr<Sampler> sampler_;
  std::thread thread_;
};

}  // namespace scanflow::services
