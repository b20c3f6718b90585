#include "engine/api/api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <future>
#include <optional>
#include <utility>

#include "engine/api/scheduled.hpp"
#include "engine/api/submitted.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kMostRuns = 1000;      // on a page
constexpr std::size_t kMostEvents = 10'000;  // on a page
constexpr std::size_t kMostLogBytes = 64u << 20;
constexpr std::int64_t kLastSeq = 0xffff'fffe;

Response failed(const Failure& failure) {
  return refuse(failure.status, failure.exit, failure.message);
}

/// What the engine's answer to a request means here.
Response rejected(const json& update) {
  const std::string reason = update.value("reason", "");
  const int exit = update.value("exit", 3);
  const int status = reason == "not_found"               ? 404
                     : reason == "conflict" || exit == 1 ? 409
                     : exit == 2                         ? 400
                                                         : 503;
  return refuse(status, exit, update.value("message", ""));
}

Response ending() { return refuse(503, 3, "the server is ending; ask the next one"); }

/// The number of this name, or `otherwise`; nothing where it is no number from `least` to `most`.
std::optional<std::int64_t> number_of(const Request& request, const std::string& name,
                                      std::int64_t least, std::int64_t most,
                                      std::int64_t otherwise) {
  const std::string text = request.parameter(name);
  if (text.empty()) return otherwise;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return std::nullopt;
  return value;
}

Response not_in_range(const std::string& name, std::int64_t least, std::int64_t most) {
  return refuse(400, 2, fmt::format("{} must be a number from {} to {}", name, least, most));
}

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

using Segments = std::vector<std::string>;

}  // namespace

struct Api::Impl {
  using Call = void (Impl::*)(const Request& request, const Segments& names, const Reply& reply);
  struct Route {
    const char* method;
    Segments path;  // "{}": any
    Call call;
  };

  Impl(HttpServer& http, std::unique_ptr<Runs> runs, ApiOptions chosen)
      : options(std::move(chosen)), shared(http, std::move(runs)) {}

  // --- what there is

  void health(const Request&, const Segments&, const Reply& reply) {
    reply(respond(200, {{"status", "alive"}}));
  }

  void readiness(const Request&, const Segments&, const Reply& reply) {
    with_engine(reply, [&](runtime::Engine& engine) {
      engine.settle([reply](bool stored) {
        reply(stored ? respond(200, {{"status", "ready"}})
                     : refuse(503, 3, "the store cannot be written any more"));
      });
    });
  }

  void version(const Request&, const Segments&, const Reply& reply) {
    reply(respond(200, {{"version", options.version}, {"api", "v1"}}));
  }

  void list(const Request& request, const Segments&, const Reply& reply) {
    const auto limit = number_of(request, "limit", 1, kMostRuns, 100);
    if (!limit) return reply(not_in_range("limit", 1, kMostRuns));
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

  void show(const Request&, const Segments& names, const Reply& reply) {
    read(reply, [this, prefix = names[0]]() -> Answer<json> {
      const auto run = shared.runs->find(prefix);
      return run ? shared.runs->show(*run) : tl::unexpected(run.error());
    });
  }

  void events(const Request& request, const Segments& names, const Reply& reply) {
    const bool stream = request.accepts("text/event-stream");
    Request chosen = request;
    if (stream && !request.last_event_id.empty()) chosen.query["after"] = request.last_event_id;
    const bool latest = stream && chosen.parameter("after") == "latest";
    if (latest) chosen.query.erase("after");
    const auto after = number_of(chosen, "after", 0, kLastSeq, 0);
    const auto limit = number_of(chosen, "limit", 1, kMostEvents, 1000);
    if (!after) return reply(not_in_range("after", 0, kLastSeq));
    if (!limit) return reply(not_in_range("limit", 1, kMostEvents));
    find(names[0], reply, [=, this](const std::string& run) {
      if (!stream) return list_events(run, *after, static_cast<std::size_t>(*limit), reply);
      Response response;
      response.content_type = "text/event-stream";
      response.stream =
          std::make_shared<EventStream>(shared, run, latest ? std::nullopt : std::optional(*after));
      reply(std::move(response));
    });
  }

  void list_events(const std::string& run, std::int64_t after, std::size_t limit,
                   const Reply& reply) {
    read(reply, [=, this]() -> Answer<json> {
      auto events = shared.runs->events(run, after, limit);
      if (!events) return tl::unexpected(events.error());
      const json next = events->size() < limit ? json() : events->back().at("seq");
      return json{{"events", std::move(*events)}, {"next", next}};
    });
  }

  void logs(const Request& request, const Segments& names, const Reply& reply) {
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

  void schedules(const Request&, const Segments&, const Reply& reply) {
    read(reply, [this]() -> Answer<json> {
      const auto store = store::Store::open_read_only(options.state.root);
      const auto catalog = options.catalog();
      if (!store) return broken(store.error().message);
      if (!catalog) return broken("the plugins cannot be found; the server's log says why");
      auto list = api::schedules(**store, *catalog, wall_us());
      if (!list) return broken(list.error().message);
      return json{{"schedules", std::move(*list)}};
    });
  }

  // --- what is to be done

  void submit(const Request& request, const Segments&, const Reply& reply) {
    boost::asio::post(shared.pool, [this, request, reply] {
      auto submitted = read_submission(request, options);
      if (!submitted) return reply(failed(submitted.error()));
      const bool known = shared.runs->show(submitted->submission.run).has_value();
      shared.http.post([this, known, reply, submitted = std::move(*submitted)] {
        with_engine(reply,
                    [&](runtime::Engine& engine) { begin(engine, submitted, known, reply); });
      });
    });
  }

  static void begin(runtime::Engine& engine, const Submitted& submitted, bool known,
                    const Reply& reply) {
    runtime::Client client;
    client.every_event = false;
    client.environment = submitted.environment;
    client.listener = [&engine, known, reply](const runtime::Update& update) {
      const std::string type = update->value("type", "");
      if (type == "rejected") reply(rejected(*update));
      if (type == "closing") reply(ending());
      if (type != "accepted") return false;
      const std::string id = update->at("run");
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
    serve_request(
        engine,
        {{"op", "submit"}, {"submission", runtime::to_json(submitted.submission)}, {"again", true}},
        client);
  }

  void cancel(const Request&, const Segments& names, const Reply& reply) {
    find(names[0], reply, [this, reply](const std::string& run) {
      ask({{"op", "cancel"}, {"run", run}}, {{"run", run}, {"cancelled", true}}, reply);
    });
  }

  void approve(const Request& request, const Segments& names, const Reply& reply) {
    json body = json::parse(request.body, nullptr, false);
    if (!body.is_object() || !body.value("step", json()).is_string() ||
        !body.value("approve", json(true)).is_boolean() ||
        !body.value("comment", json("")).is_string() || !body.value("by", json("")).is_string())
      return reply(refuse(
          400, 2, R"(the body must be JSON: {"step": NAME, "approve": true, "comment": ""})"));
    find(names[0], reply, [this, reply, body = std::move(body)](const std::string& run) {
      const bool approve = body.value("approve", true);
      ask({{"op", "answer"},
           {"run", run},
           {"step", body.at("step")},
           {"approve", approve},
           {"by", body.value("by", "api")},
           {"comment", body.value("comment", "")}},
          {{"run", run}, {"step", body.at("step")}, {"approved", approve}}, reply);
    });
  }

  void remove(const Request&, const Segments& names, const Reply& reply) {
    find(names[0], reply, [this, reply](const std::string& run) {
      ask({{"op", "delete"}, {"runs", {run}}}, json::object(), reply);
    });
  }

  // --- how

  /// On the pool; then the document is the answer.
  void read(const Reply& reply, std::function<Answer<json>()> query) {
    boost::asio::post(shared.pool, [reply, query = std::move(query)] {
      const auto found = query();
      reply(found ? respond(200, *found) : failed(found.error()));
    });
  }

  /// The whole id of a run, back on the HTTP thread.
  void find(const std::string& prefix, const Reply& reply,
            std::function<void(const std::string& run)> then) {
    boost::asio::post(shared.pool, [this, prefix, reply, then = std::move(then)] {
      auto run = shared.runs->find(prefix);
      if (!run) return reply(failed(run.error()));
      shared.http.post([run = std::move(*run), then] { then(run); });
    });
  }

  template <class Use>
  void with_engine(const Reply& reply, Use use) {
    if (shared.engine != nullptr) return use(*shared.engine);
    Response response = refuse(503, 3, "the server is starting, or ending; try again");
    response.headers.emplace_back("Retry-After", "1");
    reply(std::move(response));
  }

  /// Asks the engine what is done or not; `document` and what it adds is the answer.
  void ask(const json& request, json document, const Reply& reply) {
    with_engine(reply, [&](runtime::Engine& engine) {
      runtime::Client client;
      client.listener = [reply, document](const runtime::Update& update) {
        const std::string type = update->value("type", "");
        json answer = document;
        for (const auto& [name, value] : update->items()) {
          if (name == "deleted") answer["deleted"] = value;
          if (name == "bytes") answer["artifact_bytes"] = value;
        }
        reply(type == "done"       ? respond(200, answer)
              : type == "rejected" ? rejected(*update)
                                   : ending());
        return false;
      };
      serve_request(engine, request, client);
    });
  }

  static const std::vector<Route>& routes() {
    static const std::vector<Route> table{
        {"GET", {"healthz"}, &Impl::health},
        {"GET", {"readyz"}, &Impl::readiness},
        {"GET", {"api", "v1", "version"}, &Impl::version},
        {"GET", {"api", "v1", "schedules"}, &Impl::schedules},
        {"GET", {"api", "v1", "runs"}, &Impl::list},
        {"POST", {"api", "v1", "runs"}, &Impl::submit},
        {"GET", {"api", "v1", "runs", "{}"}, &Impl::show},
        {"DELETE", {"api", "v1", "runs", "{}"}, &Impl::remove},
        {"GET", {"api", "v1", "runs", "{}", "events"}, &Impl::events},
        {"GET", {"api", "v1", "runs", "{}", "logs"}, &Impl::logs},
        {"POST", {"api", "v1", "runs", "{}", "cancel"}, &Impl::cancel},
        {"POST", {"api", "v1", "runs", "{}", "approve"}, &Impl::approve},
    };
    return table;
  }

  const ApiOptions options;
  Shared shared;
};

namespace {

/// Do they match? Then `names` are those that "{}" stands for.
bool matches(const Segments& pattern, const Segments& path, Segments& names) {
  if (pattern.size() != path.size()) return false;
  names.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "{}") names.push_back(path[i]);
    if (pattern[i] != "{}" && pattern[i] != path[i]) return false;
  }
  return true;
}

Response no_such_path(const Segments& path, const std::vector<std::string>& known) {
  const std::string asked = fmt::format("/{}", fmt::join(path, "/"));
  const std::string near = nearest(asked, known);
  return refuse(404, 2,
                near.empty()
                    ? fmt::format("there is nothing at {}", asked.substr(0, 200))
                    : fmt::format("there is nothing at {}; did you mean {}?", asked, near));
}

}  // namespace

Api::Api(HttpServer& http, std::unique_ptr<Runs> runs, ApiOptions options)
    : impl_(std::make_unique<Impl>(http, std::move(runs), std::move(options))) {}
Api::~Api() { finish(); }

void Api::finish() { impl_->shared.pool.join(); }

void Api::handle(Request request, const Reply& reply) {
  Segments names;
  std::string allowed;
  std::vector<std::string> known;
  for (const Impl::Route& route : Impl::routes()) {
    known.push_back(fmt::format("/{}", fmt::join(route.path, "/")));
    if (!matches(route.path, request.path, names)) continue;
    if (route.method == request.method) return (impl_.get()->*route.call)(request, names, reply);
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
  }
  if (allowed.empty()) return reply(no_such_path(request.path, known));
  Response response =
      refuse(405, 2, fmt::format("{} is not done here; {} is", request.method, allowed));
  response.headers.emplace_back("Allow", allowed);
  reply(std::move(response));
}

void Api::serve(runtime::Engine& engine) {
  impl_->shared.http.post([this, &engine] { impl_->shared.engine = &engine; });
}

void Api::forget_engine() {
  std::promise<void> forgotten;
  impl_->shared.http.post([&] {
    impl_->shared.engine = nullptr;
    forgotten.set_value();
  });
  forgotten.get_future().wait();
}

}  // namespace scanflow::api
