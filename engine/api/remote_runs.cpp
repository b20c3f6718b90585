// The runs of a server, over HTTP.
#include <fmt/format.h>

#include <utility>

#include "engine/api/client.hpp"

namespace scanflow::api {
namespace {

class RemoteLogs : public LogReader {
 public:
  explicit RemoteLogs(std::unique_ptr<HttpClient::Reading> reading)
      : reading_(std::move(reading)) {}
  Answer<std::string> next() override {
    auto piece = reading_->next();
    if (!piece) return broken(piece.error().message);
    return std::move(*piece);
  }

 private:
  std::unique_ptr<HttpClient::Reading> reading_;
};

std::string run_path(const std::string& run, const char* rest = "") {
  return "/api/v1/runs/" + http::percent_encoded(run) + rest;
}

class RemoteRuns : public Runs {
 public:
  explicit RemoteRuns(HttpClient client) : client_(std::move(client)) {}

  Answer<json> list(const RunQuery& query) override {
    std::string target = "/api/v1/runs?";
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) target += fmt::format("{}={}&", name, http::percent_encoded(value));
    };
    add("namespace", query.name_space);
    add("pipeline", query.pipeline);
    add("labels", query.labels);
    add("since", query.since);
    add("status", fmt::format("{}", fmt::join(query.statuses, ",")));
    json all = {{"runs", json::array()}, {"next", query.cursor}};
    // A server gives no more than so many at once.
    while (all["runs"].size() < query.limit && !all["next"].is_null()) {
      const std::size_t wanted = std::min<std::size_t>(query.limit - all["runs"].size(), 1000);
      const std::string cursor = http::percent_encoded(all["next"].get<std::string>());
      auto page =
          client_.json_of({.target = fmt::format("{}limit={}{}", target, wanted,
                                                 cursor.empty() ? "" : "&cursor=" + cursor)});
      if (!page) return page;
      for (const json& run : page->at("runs")) all["runs"].push_back(run);
      all["next"] = page->at("next");
    }
    return all;
  }

  Answer<std::string> find(const std::string& prefix) override {
    const auto shown = show(prefix.empty() ? "last" : prefix);
    if (!shown) return tl::unexpected(shown.error());
    return shown->at("run").get<std::string>();
  }

  Answer<json> show(const std::string& run) override {
    return client_.json_of({.target = run_path(run)});
  }

  Answer<json> events(const std::string& run, std::int64_t after, std::size_t limit) override {
    // A server gives no more than so many at once.
    return client_.json_of(
        {.target = run_path(run, "/events") +
                   fmt::format("?limit={}&after={}", std::min<std::size_t>(limit, 10'000), after)});
  }

  Answer<json> primitives(const std::string& run) override {
    auto asked = client_.json_of({.target = run_path(run, "/primitives")});
    if (!asked) return asked;
    return std::move(asked->at("primitives"));
  }

  Answer<json> primitive(const std::string& id) override {
    return client_.json_of({.target = "/api/v1/primitives/" + http::percent_encoded(id)});
  }

  Answer<json> actions(const ActionQuery& query) override {
    std::string target =
        fmt::format("/api/v1/actions?limit={}", std::min(query.limit, kMostActions));
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) target += fmt::format("&{}={}", name, http::percent_encoded(value));
    };
    add("kind", query.kind);
    add("namespace", query.name_space);
    add("name", query.name);
    add("cursor", query.cursor);
    return client_.json_of({.target = target});
  }

  Answer<json> action(const std::string& id) override {
    return client_.json_of({.target = "/api/v1/actions/" + http::percent_encoded(id)});
  }

  Answer<std::unique_ptr<LogReader>> logs(const std::string& run,
                                          const std::string& step) override {
    auto reading = client_.open({.target = logs_of(run, step), .accept = "text/plain"});
    if (!reading) return broken(reading.error().message);
    if ((*reading)->status() == 200) return std::make_unique<RemoteLogs>(std::move(*reading));
    return tl::unexpected(
        failure_of((*reading)->status(), rest_of(**reading).value_or(std::string())));
  }

  Answer<json> log_documents(const std::string& run, const std::string& step,
                             std::size_t) override {
    return client_.json_of({.target = logs_of(run, step)});
  }

 private:
  static std::string logs_of(const std::string& run, const std::string& step) {
    return run_path(run, "/logs") + (step.empty() ? "" : "?step=" + http::percent_encoded(step));
  }

  const HttpClient client_;
};

}  // namespace

std::unique_ptr<Runs> runs_of(HttpClient client) {
  return std::make_unique<RemoteRuns>(std::move(client));
}

}  // namespace scanflow::api
