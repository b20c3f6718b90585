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
#include "engine/serve/front.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

using nlohmann::json;

/// A thread of its own. Thread-safe.
class Services {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::filesystem::path program;  // scanflow-service
    std::string listen;             // where clients ask, from the first service on
    std::function<std::shared_ptr<const loader::Catalog>()> catalog;  // null: it cannot be found
    std::function<void(const std::string& line)> log;                 // [any-thread]
  };
  static Result<std::unique_ptr<Services>> start(Options options);
  /// Ends all of them: what is on its way is answered first.
  ~Services();

  /// [{"namespace", "name", "version", "status": ready | starting | failed, "problem", "url", "replicas",
  ///   "ready", "requests", "in_flight", "p50_us", "p99_us", "slo_p99_us", "errors" and "slo_errors"
  ///   (shares: 0 to 1), "models"}]; replicas: as many as are wanted now
  json list() const;
  /// One of them, with what each replica says of itself. Nothing where there is none. Blocks.
  std::optional<json> show(const serve::ServiceName& name) const;
  /// The last of what its replicas have logged, each line with the replica before it.
  std::optional<std::string> logs(const serve::ServiceName& name) const;

 private:
  struct Hosted {
    std::uint32_t version = 0;  // of the document
    std::shared_ptr<const pipeline::ServiceSpec> spec;
    std::optional<infer::ServiceDocument> planned;  // what is served
    std::string problem;
    std::filesystem::path directory, logs;
    // Versions that no replica could load, why, and when that is tried again.
    json refused;
    std::string refusal;
    std::int64_t try_again_us = 0, wait_us = 0;
  };

  Services(Options options, std::unique_ptr<store::Store> store);
  void loop();
  void look();
  void look_at(const store::Document& newest);
  std::string read(const store::Document& newest, Hosted& hosted);
  std::string serve(const serve::ServiceName& name, Hosted& hosted);
  std::string follow_models(const serve::ServiceName& name, Hosted& hosted,
                            infer::ServiceDocument planned);
  json describe(const serve::ServiceName& name, const Hosted& hosted) const;

  const Options options_;
  const std::unique_ptr<store::Store> store_;
  mutable std::mutex mutex_;  // guards what follows; changed by the thread alone
  std::condition_variable changed_;
  std::map<serve::ServiceName, Hosted> hosted_;
  std::shared_ptr<serve::Front> front_;
  std::shared_ptr<const loader::Catalog> catalog_;  // the newest that a document was read with
  std::size_t directories_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace scanflow::api
