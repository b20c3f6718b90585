// Requests for runs.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "engine/api/planned.hpp"
#include "engine/api/submitted.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kMostRuns = 1000;      // on a page
constexpr std::size_t kMostEvents = 10'000;  // on a page
constexpr std::size_t kMostLogBytes = 64u << 20;
constexpr std::int64_t kLastSeq = 0xffff'fffe;

/// The text of logs, read on the pool.
class LogStream : public Stream {
 public:
  LogStream(Shared& shared, std::unique_ptr<LogReader> reader)
      : shared_(shared), reader_(std::move(reader)) {}

  void next(std::function<void(std::string piece)> then) override {
    boost::asio::post(shared_.pool, [reader = reader_, then = std::move(then)] {
      auto piece = reader->next();
      then(piece ? std::move(*piece) : fmt::format("\nerror: {}\n", piece.error().message));
    });
  }

 private:
  Shared& shared_;
  std::shared_ptr<LogReader> reader_;
};

/// 201 to whoever has begun the run, 200 where there was one of this id.
void begin(runtime::Engine& engine, const Submitted& submitted, const Reply& reply) {
  runtime::Client client;
  client.every_event = false;
  client.environment = submitted.environment;
  client.listener = [&engine, reply](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "rejected") reply(rejected(*update));
    if (type == "closing") reply(ending());
    if (type != "accepted") return false;
    const std::string id = update->at("run");
    const bool known = update->at("recorded");
    Response response = respond(known ? 200 : 201, {{"run", id},
                                                    {"pipeline", update->at("pipeline")},
                                                    {"namespace", update->at("namespace")}});
    response.headers.emplace_back("Location", "/api/v1/runs/" + id);
    // Whoever is told that there is a run finds it, whatever happens to this server.
    engine.settle([reply, response](bool stored) {
      reply(stored ? response : refuse(503, 3, "the run cannot be stored"));
    });
    return false;
  };
  serve_request(engine, {{"op", "submit"}, {"submission", runtime::to_json(submitted.submission)}},
                client);
}

}  // namespace

void Api::Impl::list_runs(const Request& request, const Segments&, const Reply& reply) {
  const auto limit = number_of(request, "limit", 1, kMostRuns, 100);
  if (!limit) return reply(failed(limit.error()));
  RunQuery query{request.parameter("namespace"),
                 request.parameter("pipeline"),
                 request.parameter("labels"),
                 request.parameter("since"),
                 {},
                 static_cast<std::size_t>(*limit),
                 request.parameter("cursor")};
  std::string statuses = request.parameter("status");
  for (std::size_t comma = 0; !statuses.empty(); statuses.erase(0, comma + 1)) {
    comma = std::min(statuses.find(','), statuses.size() - 1);
    query.statuses.push_back(statuses.substr(0, statuses.find(',')));
  }
  read(reply, [this, query = std::move(query)] { return shared.runs->list(query); });
}

void Api::Impl::show_run(const Request&, const Segments& names, const Reply& reply) {
  read(reply, [this, prefix = names[0]]() -> Answer<json> {
    const auto run = shared.runs->find(prefix);
    return run ? shared.runs->show(*run) : tl::unexpected(run.error());
  });
}

void Api::Impl::events(const Request& request, const Segments& names, const Reply& reply) {
  const bool stream = request.accepts("text/event-stream");
  Request chosen = request;
  if (stream && !request.last_event_id.empty())
    chosen.query.emplace("after", request.last_event_id);
  const bool latest = stream && chosen.parameter("after") == "latest";
  if (latest) chosen.query.erase("after");
  const auto after = number_of(chosen, "after", 0, kLastSeq, 0);
  const auto limit = number_of(chosen, "limit", 1, kMostEvents, 1000);
  if (!after) return reply(failed(after.error()));
  if (!limit) return reply(failed(limit.error()));
  if (!stream) {
    return read(reply, [=, this, prefix = names[0], limit = *limit]() -> Answer<json> {
      const auto run = shared.runs->find(prefix);
      if (!run) return tl::unexpected(run.error());
      return shared.runs->events(*run, *after, static_cast<std::size_t>(limit));
    });
  }
  find({names[0]}, reply, [=, this](const std::vector<std::string>& runs) {
    Response response;
    response.content_type = "text/event-stream";
    response.stream = std::make_shared<EventStream>(shared, runs[0],
                                                    latest ? std::nullopt : std::optional(*after));
    reply(std::move(response));
  });
}

void Api::Impl::logs(const Request& request, const Segments& names, const Reply& reply) {
  const std::string step = request.parameter("step");
  const bool document = request.accepts("application/json");
  boost::asio::post(shared.pool, [=, this, prefix = names[0]] {
    const auto run = shared.runs->find(prefix);
    if (!run) return reply(failed(run.error()));
    if (document) {
      const auto logs = shared.runs->log_documents(*run, step, kMostLogBytes);
      return reply(logs ? respond(200, *logs) : failed(logs.error()));
    }
    auto reader = shared.runs->logs(*run, step);
    if (!reader) return reply(failed(reader.error()));
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.stream = std::make_shared<LogStream>(shared, std::move(*reader));
    reply(std::move(response));
  });
}

void Api::Impl::submit(const Request& request, const Segments&, const Reply& reply) {
  const auto dry_run = flag_of(request, "dry_run");
  if (!dry_run) return reply(failed(dry_run.error()));
  // Agents outlive what the pool does.
  boost::asio::post(shared.asking, [this, request, reply, dry_run = *dry_run, there = agents] {
    auto submitted = read_submission(request, options);
    if (!submitted) return reply(failed(submitted.error()));
    if (dry_run) {
      // Otherwise the engine asks them.
      const auto admitted = there == nullptr ? Result<void>() : there->admit(submitted->submission);
      if (!admitted) return reply(refuse(403, 2, admitted.error().message));
      const auto plan = plan_run(options.state, std::move(submitted->submission),
                                 submitted->catalog, submitted->environment);
      return reply(plan ? respond(200, *plan) : failed(plan.error()));
    }
    shared.http.post([this, reply, submitted = std::move(*submitted)] {
      with_engine(reply, [&](runtime::Engine& engine) { begin(engine, submitted, reply); });
    });
  });
}

void Api::Impl::cancel(const Request&, const Segments& names, const Reply& reply) {
  find({names[0]}, reply, [this, reply](const std::vector<std::string>& runs) {
    json answer = {{"run", runs[0]}, {"cancelled", true}};
    ask(
        {{"op", "cancel"}, {"run", runs[0]}}, [answer](const json&) { return answer; }, reply);
  });
}

void Api::Impl::approve(const Request& request, const Segments& names, const Reply& reply) {
  if (auto bounded = check_nesting(request.body); !bounded) return reply(failed(bounded.error()));
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.value("step", json()).is_string() ||
      !body.value("approve", json(true)).is_boolean() ||
      !body.value("comment", json("")).is_string() || !body.value("by", json("")).is_string())
    return reply(
        refuse(400, 2, R"(the body must be JSON: {"step": NAME, "approve": true, "comment": ""})"));
  find({names[0]}, reply,
       [this, reply, body = std::move(body)](const std::vector<std::string>& runs) {
         const bool approve = body.value("approve", true);
         json answer = {{"run", runs[0]}, {"step", body.at("step")}, {"approved", approve}};
         ask(
             {{"op", "answer"},
              {"run", runs[0]},
              {"step", body.at("step")},
              {"approve", approve},
              {"by", body.value("by", "api")},
              {"comment", body.value("comment", "")}},
             [answer](const json&) { return answer; }, reply);
       });
}

namespace {

json deleted(const json& done) {
  return {{"deleted", done.at("deleted")}, {"artifact_bytes", done.at("bytes")}};
}

}  // namespace

void Api::Impl::remove_run(const Request&, const Segments& names, const Reply& reply) {
  find({names[0]}, reply, [this, reply](const std::vector<std::string>& runs) {
    ask({{"op", "delete"}, {"runs", runs}}, deleted, reply);
  });
}

void Api::Impl::remove_runs(const Request& request, const Segments&, const Reply& reply) {
  const auto body = read_body(request, {{"runs", json::value_t::array}});
  if (!body) return reply(failed(body.error()));
  try {
    find(body->at("runs"), reply, [this, reply](const std::vector<std::string>& runs) {
      ask({{"op", "delete"}, {"runs", runs}}, deleted, reply);
    });
  } catch (const json::exception&) {
    reply(refuse(400, 2, R"(the body must be JSON: {"runs": [ID, ...]})"));
  }
}

void Api::Impl::clear_cache(const Request& request, const Segments&, const Reply& reply) {
  if (!request.body.empty())
    return reply(refuse(400, 2, "say which in the query: /api/v1/cache/clear?older_than=30d"));
  const std::string text = request.parameter("older_than");
  const auto age = text.empty() ? Result<std::int64_t>(0) : parse_duration(text);
  if (!age) return reply(refuse(400, 2, "older_than: " + age.error().message));
  ask(
      {{"op", "clear_cache"}, {"age_us", *age}},
      [](const json& done) {
        return json{{"cleared", done.at("cleared")}, {"artifact_bytes", done.at("bytes")}};
      },
      reply);
}

}  // namespace scanflow::api
