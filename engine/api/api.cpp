#include "engine/api/api.hpp"

#include <fmt/format.h>

#include <charconv>
#include <future>
#include <utility>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "engine/api/scheduled.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::api {

Response failed(const Failure& failure) {
  return refuse(failure.status, failure.exit, failure.message);
}

Response rejected(const json& update) {
  const std::string reason = update.value("reason", "");
  const int exit = update.value("exit", 3);
  const int status = reason == "not_found"               ? 404
                     : reason == "forbidden"             ? 403
                     : reason == "conflict" || exit == 1 ? 409
                     : exit == 2                         ? 400
                                                         : 503;
  return refuse(status, exit, update.value("message", ""));
}

Response ending() { return refuse(503, 3, "the server is ending; ask the next one"); }

Answer<std::int64_t> number_of(const Request& request, const std::string& name, std::int64_t least,
                               std::int64_t most, std::int64_t otherwise) {
  const std::string text = request.parameter(name);
  if (text.empty()) return otherwise;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return wrong(fmt::format("{} must be a number from {} to {}", name, least, most));
  return value;
}

void Api::Impl::health(const Request&, const Segments&, const Reply& reply) {
  reply(respond(200, {{"status", "alive"}}));
}

void Api::Impl::readiness(const Request&, const Segments&, const Reply& reply) {
  with_engine(reply, [&](runtime::Engine& engine) {
    engine.settle([reply](bool stored) {
      reply(stored ? respond(200, {{"status", "ready"}})
                   : refuse(503, 3, "the store cannot be written any more"));
    });
  });
}

void Api::Impl::version(const Request&, const Segments&, const Reply& reply) {
  reply(respond(200, {{"version", options.version}, {"api", "v1"}}));
}

void Api::Impl::schedules(const Request&, const Segments&, const Reply& reply) {
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

void Api::Impl::read(const Reply& reply, std::function<Answer<json>()> query) {
  boost::asio::post(shared.pool, [reply, query = std::move(query)] {
    const auto found = query();
    reply(found ? respond(200, *found) : failed(found.error()));
  });
}

void Api::Impl::find(std::vector<std::string> prefixes, const Reply& reply,
                     std::function<void(const std::vector<std::string>& runs)> then) {
  const auto look_up = [this,
                        prefixes = std::move(prefixes)]() -> Answer<std::vector<std::string>> {
    std::vector<std::string> runs;
    for (const std::string& each : prefixes) {
      auto run = shared.runs->find(each);
      if (!run) return tl::unexpected(run.error());
      runs.push_back(std::move(*run));
    }
    return runs;
  };
  prepare<std::vector<std::string>>(reply, look_up, std::move(then));
}

void Api::Impl::ask(const json& request, std::function<json(const json& done)> answer,
                    const Reply& reply) {
  with_engine(reply, [&](runtime::Engine& engine) {
    runtime::Client client;
    client.listener = [reply, answer = std::move(answer)](const runtime::Update& update) {
      const std::string type = update->value("type", "");
      reply(type == "done"       ? respond(200, answer(*update))
            : type == "rejected" ? rejected(*update)
                                 : ending());
      return false;
    };
    serve_request(engine, request, client);
  });
}

const std::vector<Api::Impl::Route>& Api::Impl::routes() {
  static const std::vector<Route> table{
      {"GET", {"healthz"}, &Impl::health},
      {"GET", {"readyz"}, &Impl::readiness},
      {"GET", {"api", "v1", "version"}, &Impl::version},
      {"GET", {"api", "v1", "schedules"}, &Impl::schedules},
      {"GET", {"api", "v1", "agents"}, &Impl::list_agents},
      {"GET", {"api", "v1", "agents", "{}", "{}"}, &Impl::show_agent},
      {"POST", {"api", "v1", "agents", "{}", "{}", "pause"}, &Impl::pause_agent},
      {"POST", {"api", "v1", "agents", "{}", "{}", "sessions"}, &Impl::begin_session},
      {"POST", {"api", "v1", "agents", "{}", "{}", "sessions", "{}"}, &Impl::ask_session},
      {"DELETE", {"api", "v1", "agents", "{}", "{}", "sessions", "{}"}, &Impl::end_session},
      {"GET",
       {"api", "v1", "decisions"},
       &Impl::list_decisions,
       {"agent", "rule", "open", "before", "limit"}},
      {"POST", {"api", "v1", "decisions"}, &Impl::decide_by_hand},
      {"POST", {"api", "v1", "decisions", "{}"}, &Impl::answer_decision},
      {"POST", {"api", "v1", "events"}, &Impl::emit_event},
      {"GET", {"api", "v1", "record"}, &Impl::record, {"seconds"}},
      {"POST", {"api", "v1", "hooks", "{}", "{}"}, &Impl::call_hook},
      {"GET", {"api", "v1", "applications"}, &Impl::list_applications},
      {"GET", {"api", "v1", "services"}, &Impl::list_services},
      {"GET", {"api", "v1", "services", "{}", "{}"}, &Impl::show_service},
      {"GET", {"api", "v1", "services", "{}", "{}", "logs"}, &Impl::service_logs},
      {"GET",
       {"api", "v1", "documents"},
       &Impl::list_documents,
       {"kind", "namespace", "labels", "sources", "limit", "cursor"}},
      {"POST", {"api", "v1", "documents"}, &Impl::apply, {"dry_run", "namespace"}},
      {"POST", {"api", "v1", "documents", "delete"}, &Impl::remove_documents},
      {"GET", {"api", "v1", "documents", "{}", "{}", "{}"}, &Impl::show_document, {"version"}},
      {"DELETE", {"api", "v1", "documents", "{}", "{}", "{}"}, &Impl::remove_document, {"version"}},
      {"GET", {"api", "v1", "documents", "{}", "{}", "{}", "versions"}, &Impl::versions},
      {"GET",
       {"api", "v1", "runs"},
       &Impl::list_runs,
       {"namespace", "pipeline", "labels", "since", "status", "limit", "cursor"}},
      {"POST", {"api", "v1", "runs"}, &Impl::submit, {"run", "dry_run"}},
      {"POST", {"api", "v1", "runs", "delete"}, &Impl::remove_runs},
      {"GET", {"api", "v1", "runs", "{}"}, &Impl::show_run},
      {"DELETE", {"api", "v1", "runs", "{}"}, &Impl::remove_run},
      {"GET", {"api", "v1", "runs", "{}", "events"}, &Impl::events, {"after", "limit"}},
      {"GET", {"api", "v1", "runs", "{}", "logs"}, &Impl::logs, {"step"}},
      {"POST", {"api", "v1", "runs", "{}", "cancel"}, &Impl::cancel},
      {"POST", {"api", "v1", "runs", "{}", "approve"}, &Impl::approve},
      {"GET", {"api", "v1", "runs", "{}", "primitives"}, &Impl::primitives_of_run},
      {"POST", {"api", "v1", "runs", "{}", "primitives"}, &Impl::send_primitive},
      {"GET", {"api", "v1", "runs", "{}", "offers"}, &Impl::offers, {"step"}},
      {"GET", {"api", "v1", "primitives"}, &Impl::list_primitives},
      {"GET", {"api", "v1", "primitives", "{}"}, &Impl::show_primitive},
      {"GET",
       {"api", "v1", "actions"},
       &Impl::list_actions,
       {"kind", "namespace", "name", "limit", "cursor"}},
      {"POST", {"api", "v1", "actions"}, &Impl::send_action},
      {"GET", {"api", "v1", "actions", "{}"}, &Impl::show_action},
      {"GET", {"api", "v1", "top"}, &Impl::top},
      {"POST", {"api", "v1", "cache", "clear"}, &Impl::clear_cache, {"older_than"}},
  };
  return table;
}

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

Api::Api(http::Server& http, std::unique_ptr<Runs> runs, ApiOptions options)
    : impl_(std::make_unique<Impl>(http, std::move(runs), std::move(options))) {}
Api::~Api() { finish(); }

void Api::finish() {
  impl_->shared.asking.join();
  impl_->shared.pool.join();
}

http::Admission Api::admit(const Request& head) const {
  if (Impl::is_of_artifacts(head)) return impl_->admit_artifact(head);
  return http::InMemory{};
}

void Api::handle(Request request, const Reply& reply) {
  if (Impl::is_of_artifacts(request)) return impl_->artifacts(request, reply);
  static const Segments kTracker{"api", "2.0", "mlflow"};
  if (request.path.size() > kTracker.size() &&
      std::equal(kTracker.begin(), kTracker.end(), request.path.begin())) {
    const auto begin = request.path.begin() + static_cast<std::ptrdiff_t>(kTracker.size());
    return impl_->track(request, fmt::format("{}", fmt::join(begin, request.path.end(), "/")),
                        reply);
  }
  Segments names;
  std::string allowed;
  std::vector<std::string> known;
  for (const Impl::Route& route : Impl::routes()) {
    known.push_back(fmt::format("/{}", fmt::join(route.path, "/")));
    if (!matches(route.path, request.path, names)) continue;
    if (route.method == request.method) {
      if (auto checked = check_query(request, route.query); !checked)
        return reply(failed(checked.error()));
      return (impl_.get()->*route.call)(request, names, reply);
    }
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
  }
  if (allowed.empty()) return reply(no_such_path(request.path, known));
  Response response =
      refuse(405, 2, fmt::format("{} is not done here; {} is", request.method, allowed));
  response.headers.emplace_back("Allow", allowed);
  reply(std::move(response));
}

void Api::serve(runtime::Engine& engine, const services::Services& hosted,
                control::Agents& agents) {
  impl_->shared.http.post([this, &engine, &hosted, &agents] {
    impl_->shared.engine = &engine;
    impl_->services = &hosted;
    impl_->agents = &agents;
  });
}

void Api::forget_engine() {
  std::promise<void> forgotten;
  impl_->shared.http.post([&] {
    impl_->shared.engine = nullptr;
    impl_->services = nullptr;
    impl_->agents = nullptr;
    forgotten.set_value();
  });
  forgotten.get_future().wait();
}

}  // namespace scanflow::api
