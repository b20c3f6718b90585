#include "engine/api/remote_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace scanflow::api {
namespace {

// How often it is asked whether there is an outcome, and how long a server may be away meanwhile.
constexpr std::chrono::milliseconds kFirstLook{20}, kLastLook{500};
constexpr std::chrono::seconds kServerPatience{30};

/// One server-sent event as an update of submission.hpp.
json update_of(const std::string& type, json data) {
  if (type == "event") return {{"type", type}, {"event", std::move(data)}};
  if (type == "finished") return {{"type", type}, {"result", std::move(data)}};
  if (!data.is_object()) data = json::object();
  data["type"] = type;
  return data;
}

/// Cuts a stream into events.
class EventParser {
 public:
  template <class Take>
  void add(std::string_view piece, Take take) {
    text_ += piece;
    std::size_t begin = 0;
    for (std::size_t end = text_.find('\n'); end != std::string::npos;
         end = text_.find('\n', begin)) {
      line(std::string_view(text_).substr(begin, end - begin), take);
      begin = end + 1;
    }
    text_.erase(0, begin);
  }

 private:
  template <class Take>
  void line(std::string_view text, Take take) {
    constexpr std::string_view kEvent = "event: ", kData = "data: ";
    if (text.starts_with(kEvent)) type_ = text.substr(kEvent.size());
    if (text.starts_with(kData)) data_ = text.substr(kData.size());
    if (!text.empty()) return;
    json data = json::parse(data_, nullptr, false);
    if (!type_.empty() && !data.is_discarded()) take(type_, std::move(data));
    type_.clear();
    data_.clear();
  }

  std::string text_, type_, data_;
};

}  // namespace

RemoteEngine::~RemoteEngine() {
  if (stream_) stream_->cancel();
  if (thread_.joinable()) thread_.join();
}

void RemoteEngine::send(const json& request) {
  const std::string op = request.at("op");
  if (op == "submit") return submit(request);
  if (op == "attach") return follow(request.at("run"));
  if (op == "delete") {
    const auto gone = client_.json_of({.method = "POST",
                                       .target = "/api/v1/runs/delete",
                                       .body = json{{"runs", request.at("runs")}}.dump(),
                                       .patience = kLongWork});
    if (!gone) return reject(gone.error());
    return push({{"type", "done"},
                 {"deleted", gone->value("deleted", std::size_t{0})},
                 {"bytes", gone->value("artifact_bytes", std::uint64_t{0})}});
  }
  if (op == "clear_cache") {
    const auto cleared =
        client_.json_of({.method = "POST",
                         .target = fmt::format("/api/v1/cache/clear?older_than={}us",
                                               request.at("age_us").get<std::int64_t>()),
                         .patience = kLongWork});
    if (!cleared) return reject(cleared.error());
    return push({{"type", "done"},
                 {"cleared", cleared->value("cleared", std::uint64_t{0})},
                 {"bytes", cleared->value("artifact_bytes", std::uint64_t{0})}});
  }
  if (op == "top") return answer("top", {.target = "/api/v1/top"});
  if (op == "act") return act(request);
  const std::string run = request.at("run");
  if (op == "primitive") return primitive(run, request);
  if (op == "offers") {
    const auto offers =
        client_.json_of({.target = "/api/v1/runs/" + run + "/offers?step=" +
                                   http::percent_encoded(request.at("step").get<std::string>())});
    if (!offers) return reject(offers.error());
    json update = *offers;
    update["type"] = "done";
    return push(std::move(update));
  }
  if (op == "cancel") return ask({.method = "POST", .target = "/api/v1/runs/" + run + "/cancel"});
  json body = request;
  body.erase("op");
  body.erase("run");
  ask({.method = "POST", .target = "/api/v1/runs/" + run + "/approve", .body = body.dump()});
}

Answer<json> RemoteEngine::outcome_of(const json& request, const std::string& target,
                                      const char* known) {
  json body = request;
  for (const char* name : {"op", "run", "wait", "deadline_us"}) body.erase(name);
  if (const auto deadline_us = request.value("deadline_us", std::int64_t{0}); deadline_us > 0)
    body["deadline"] = fmt::format("{}us", deadline_us);
  auto asked = client_.json_of({.method = "POST", .target = target, .body = body.dump()});
  auto pause = kFirstLook;
  auto away_since = std::chrono::steady_clock::now();
  while (asked && asked->at("outcome").is_null() && request.value("wait", true)) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLastLook);
    auto now = client_.json_of({.target = known + asked->at("id").get<std::string>()});
    const auto time = std::chrono::steady_clock::now();
    if (now) away_since = time;
    // A server that starts again goes on with it.
    if (now || now.error().status < 500 || time - away_since > kServerPatience)
      asked = std::move(now);
  }
  return asked;
}

void RemoteEngine::primitive(const std::string& run, const json& request) {
  auto asked = outcome_of(request, "/api/v1/runs/" + run + "/primitives", "/api/v1/primitives/");
  if (!asked) return reject(asked.error());
  push({{"type", "done"}, {"run", run}, {"command", std::move(*asked)}});
}

void RemoteEngine::act(const json& request) {
  auto asked = outcome_of(request, "/api/v1/actions", "/api/v1/actions/");
  if (!asked) return reject(asked.error());
  push({{"type", "done"}, {"action", std::move(*asked)}});
}

void RemoteEngine::answer(const char* member, const HttpClient::Ask& ask) {
  auto answer = client_.json_of(ask);
  if (!answer) return reject(answer.error());
  push({{"type", "done"}, {member, std::move(*answer)}});
}

void RemoteEngine::submit(const json& request) {
  const auto begun = client_.json_of({.method = "POST",
                                      .target = "/api/v1/runs",
                                      .body = request.at("submission").dump(),
                                      .patience = kLongWork});  // it may copy inputs
  if (!begun) return reject(begun.error());
  follow(begun->at("run"));
}

void RemoteEngine::ask(const HttpClient::Ask& ask) {
  const auto answer = client_.json_of(ask);
  if (!answer) return reject(answer.error());
  push({{"type", "done"}});
}

void RemoteEngine::reject(const Failure& failure) {
  push({{"type", "rejected"}, {"exit", failure.exit}, {"message", failure.message}});
}

void RemoteEngine::push(json update) {
  queue_->push(std::make_shared<const json>(std::move(update)));
}

void RemoteEngine::follow(const std::string& run) {
  auto stream = client_.open(
      {.target = "/api/v1/runs/" + run + "/events?after=latest", .accept = "text/event-stream"});
  if (!stream) return push({{"type", "closing"}});
  if ((*stream)->status() != 200) {
    return reject(failure_of((*stream)->status(), rest_of(**stream).value_or(std::string())));
  }
  stream_ = std::move(*stream);
  thread_ = std::thread([this] {
    EventParser parser;
    for (auto piece = stream_->next(); piece && !piece->empty(); piece = stream_->next()) {
      parser.add(*piece, [this](const std::string& type, json data) {
        if (type != "closing" && type != "dropped") push(update_of(type, std::move(data)));
      });
    }
    push({{"type", "closing"}});
  });
}

}  // namespace scanflow::api
