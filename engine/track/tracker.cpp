#include "engine/track/tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "engine/track/calls.hpp"

namespace scanflow::track {

struct Call {
  std::string (*run)(const Session& session, const Fields& request);
  bool writes;
};

namespace {

template <auto run>
std::string text_of(const Session& session, const Fields& request) {
  return run(session, request).dump(-1, ' ', false, json::error_handler_t::replace);
}

template <auto run>
constexpr Call kReads{&text_of<run>, false};
template <auto run>
constexpr Call kWrites{&text_of<run>, true};
constexpr Call kHistory{&metric_history, false};

Answer<void> answer_of(const std::function<void(const Session&)>& work, const Session& session) {
  try {
    work(session);
    return {};
  } catch (Refused& refused) {
    return tl::unexpected(std::move(refused.problem));
  } catch (const std::exception& error) {  // of memory, or of a document's type
    return tl::unexpected<Problem>({Code::internal, error.what()});
  }
}

/// What reads for longer is broken off.
class Deadline {
 public:
  explicit Deadline(const store::Connection& connection)
      : handle_(connection.handle()), end_(std::chrono::steady_clock::now() + kPatience) {
    sqlite3_progress_handler(handle_, kInstructions, &is_over, this);
  }
  ~Deadline() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool over() const { return over_; }

 private:
  static constexpr std::chrono::seconds kPatience{20};
  static constexpr int kInstructions = 100'000;  // of SQLite's machine: some milliseconds
  static int is_over(void* self) {
    auto& deadline = *static_cast<Deadline*>(self);
    deadline.over_ = std::chrono::steady_clock::now() > deadline.end_;
    return deadline.over_ ? 1 : 0;
  }

  sqlite3* const handle_;
  const std::chrono::steady_clock::time_point end_;
  bool over_ = false;
};

}  // namespace

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> all{
      {"POST", "experiments/create", &kWrites<create_experiment>},
      {"GET", "experiments/get", &kReads<get_experiment>},
      {"GET", "experiments/get-by-name", &kReads<get_experiment_by_name>},
      {"POST", "experiments/search", &kReads<search_experiments>},
      {"GET", "experiments/search", &kReads<search_experiments>},
      {"POST", "experiments/update", &kWrites<update_experiment>},
      {"POST", "experiments/delete", &kWrites<delete_experiment>},
      {"POST", "experiments/restore", &kWrites<restore_experiment>},
      {"POST", "experiments/set-experiment-tag", &kWrites<set_experiment_tag>},
      {"POST", "experiments/delete-experiment-tag", &kWrites<delete_experiment_tag>},
      {"POST", "runs/create", &kWrites<create_run>},
      {"GET", "runs/get", &kReads<get_run>},
      {"POST", "runs/search", &kReads<search_runs>},
      {"POST", "runs/update", &kWrites<update_run>},
      {"POST", "runs/delete", &kWrites<delete_run>},
      {"POST", "runs/restore", &kWrites<restore_run>},
      {"POST", "runs/log-metric", &kWrites<log_metric>},
      {"POST", "runs/log-parameter", &kWrites<log_parameter>},
      {"POST", "runs/log-batch", &kWrites<log_batch>},
      {"POST", "runs/set-tag", &kWrites<set_tag>},
      {"POST", "runs/delete-tag", &kWrites<delete_tag>},
      {"POST", "runs/log-inputs", &kWrites<log_inputs>},
      {"POST", "runs/log-model", &kWrites<log_model>},
      {"POST", "runs/outputs", &kWrites<log_outputs>},
      {"GET", "artifacts/list", &kReads<list_artifacts>},
      {"POST", "logged-models", &kWrites<create_logged_model>},
      {"POST", "logged-models/search", &kReads<search_logged_models>},
      {"GET", "logged-models/{model_id}", &kReads<get_logged_model>},
      {"PATCH", "logged-models/{model_id}", &kWrites<finalize_logged_model>},
      {"DELETE", "logged-models/{model_id}", &kWrites<delete_logged_model>},
      {"PATCH", "logged-models/{model_id}/tags", &kWrites<set_logged_model_tags>},
      {"DELETE", "logged-models/{model_id}/tags/{tag_key}", &kWrites<delete_logged_model_tag>},
      {"POST", "logged-models/{model_id}/params", &kWrites<log_logged_model_params>},
      {"GET", "logged-models/{model_id}/artifacts/directories",
       &kReads<list_logged_model_artifacts>},
      {"GET", "metrics/get-history", &kHistory},
      {"POST", "registered-models/create", &kWrites<create_registered_model>},
      {"GET", "registered-models/get", &kReads<get_registered_model>},
      {"GET", "registered-models/search", &kReads<search_registered_models>},
      {"POST", "registered-models/rename", &kWrites<rename_registered_model>},
      {"PATCH", "registered-models/update", &kWrites<update_registered_model>},
      {"DELETE", "registered-models/delete", &kWrites<delete_registered_model>},
      {"POST", "registered-models/get-latest-versions", &kReads<get_latest_versions>},
      {"GET", "registered-models/get-latest-versions", &kReads<get_latest_versions>},
      {"POST", "registered-models/set-tag", &kWrites<set_registered_model_tag>},
      {"DELETE", "registered-models/delete-tag", &kWrites<delete_registered_model_tag>},
      {"POST", "registered-models/alias", &kWrites<set_alias>},
      {"DELETE", "registered-models/alias", &kWrites<delete_alias>},
      {"GET", "registered-models/alias", &kReads<get_version_by_alias>},
      {"POST", "model-versions/create", &kWrites<create_model_version>},
      {"GET", "model-versions/get", &kReads<get_model_version>},
      {"GET", "model-versions/search", &kReads<search_model_versions>},
      {"PATCH", "model-versions/update", &kWrites<update_model_version>},
      {"DELETE", "model-versions/delete", &kWrites<delete_model_version>},
      {"POST", "model-versions/transition-stage", &kWrites<transition_stage>},
      {"GET", "model-versions/get-download-uri", &kReads<get_download_uri>},
      {"POST", "model-versions/set-tag", &kWrites<set_model_version_tag>},
      {"DELETE", "model-versions/delete-tag", &kWrites<delete_model_version_tag>},
  };
  return all;
}

namespace {

/// Does it match? `use` is called with each name in braces, and what stands there.
template <class Use>
bool match_path(std::string_view pattern, std::string_view path, Use use) {
  const auto first = [](std::string_view& text) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view segment = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return segment;
  };
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = first(pattern), segment = first(path);
    if (wanted.starts_with('{')) {
      use(wanted.substr(1, wanted.size() - 2), segment);
    } else if (wanted != segment) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

bool is_at(const Endpoint& endpoint, std::string_view path) {
  return match_path(endpoint.path, path, [](std::string_view, std::string_view) {});
}

}  // namespace

const Endpoint* find_endpoint(std::string_view method, std::string_view path) {
  for (const Endpoint& each : endpoints()) {
    if (each.method == method && is_at(each, path)) return &each;
  }
  return nullptr;
}

bool has_endpoint(std::string_view path) {
  return std::any_of(endpoints().begin(), endpoints().end(),
                     [&](const Endpoint& each) { return is_at(each, path); });
}

json request_of(const Endpoint& endpoint, std::string_view path, json request) {
  if (!request.is_object()) return request;
  match_path(endpoint.path, path, [&](std::string_view name, std::string_view value) {
    request[std::string(name)] = std::string(value);
  });
  return request;
}

Answer<void> Tracker::transact(bool writes, const std::function<void(const Session&)>& work) const {
  Answer<void> answer;
  const std::int64_t now_ms = means_.now_ms();
  const auto session = [&](const store::Connection& connection) {
    return Session{Db(connection), now_ms, means_.new_id, means_.artifacts};
  };
  Result<void> done;
  if (writes) {
    // The store goes on only where nothing fails: so what has failed is taken back here.
    done = store_.write([&](store::Connection& connection) -> Result<void> {
      if (auto begun = connection.execute("SAVEPOINT call"); !begun) return begun;
      answer = answer_of(work, session(connection));
      return connection.execute(answer ? "RELEASE call" : "ROLLBACK TO call; RELEASE call");
    });
  } else {
    done = store_.read([&](const store::Connection& connection) -> Result<void> {
      const Deadline deadline(connection);
      answer = answer_of(work, session(connection));
      if (deadline.over())
        answer =
            invalid("this takes longer than 20 s: ask for less, or for one page after the other");
      return {};
    });
  }
  if (!done) return tl::unexpected<Problem>({Code::unavailable, std::move(done.error().message)});
  return answer;
}

Answer<std::string> Tracker::run(const Call& call, const json& request) const {
  std::string text;
  const auto done = transact(
      call.writes, [&](const Session& session) { text = call.run(session, Fields(request)); });
  if (!done) return tl::unexpected(done.error());
  return text;
}

}  // namespace scanflow::track
