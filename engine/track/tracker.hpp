// Experiments, and what is tracked of their runs: parameters, metrics, tags, datasets. Spoken as MLflow's REST API
// (https://mlflow.org/docs/latest/rest-api.html), in its documents; HTTP is for others to do.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/store/store.hpp"
#include "engine/track/answer.hpp"

namespace scanflow::track {

using nlohmann::json;
struct Call;

class Tracker {
 public:
  struct Means {
    std::function<std::int64_t()> now_ms;  // Unix time
    std::function<std::string()> new_id;   // 32 hexadecimal digits, never the same
  };
  /// The store outlives it.
  Tracker(store::Store& store, Means means) : store_(store), means_(std::move(means)) {}

  /// One call of the API, in a transaction of its own: all of it is done, or nothing. The answer is the text of a JSON
  /// document: one of a long history is never whole in memory as anything else. Blocks. [any-thread]
  Answer<std::string> run(const Call& call, const json& request) const;

 private:
  store::Store& store_;
  const Means means_;
};

struct Endpoint {
  const char* method;  // of HTTP
  const char* path;    // below /api/2.0/mlflow/
  const Call* call;
};
const std::vector<Endpoint>& endpoints();
/// Null: there is none.
const Endpoint* find_endpoint(std::string_view method, std::string_view path);

}  // namespace scanflow::track
