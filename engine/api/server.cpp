#include "engine/api/server.hpp"

#include <fmt/format.h>

#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "engine/api/api.hpp"
#include "engine/api/scheduler.hpp"
#include "engine/control/agents.hpp"
#include "engine/http/server.hpp"
#include "engine/runtime/cluster.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "engine/runtime/machine_capacity.hpp"
#include "engine/runtime/pod_images.hpp"
#include "engine/services/pod_place.hpp"
#include "engine/services/podman_place.hpp"
#include "engine/services/process_place.hpp"
#include "engine/services/services.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::api {

namespace {

// Commands that look at a lock, or are the engine for one request, have it for a moment.
constexpr std::chrono::seconds kLookPatience{1};
/// How long an engine that is to hand over may take to end.
constexpr std::chrono::seconds kHandOverPatience{30};
constexpr std::chrono::milliseconds kLockAgain{10};
constexpr int kLooksBetween = 20;  // two requests to make way

std::shared_ptr<const loader::Catalog> find_plugins(const ServerOptions& options) {
  loader::SearchPath path = loader::search_path(options.plugin_dirs, options.plugins);
  path.worker = options.worker;
  path.cache = options.state.plugin_cache();
  auto catalog = loader::Catalog::discover(path);
  if (catalog) return std::make_shared<const loader::Catalog>(std::move(*catalog));
  options.log("cannot find the plugins: " + catalog.error().message);
  return nullptr;
}

}  // namespace

struct Server::Impl {
  ServerOptions options;
  // Destroyed from the last to the first: connections outlive the engine, whose last words they
  // bring to clients; the lock outlives all of it.
  std::optional<runtime::ProcessLock> server_lock, engine_lock;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<Api> api;
  std::unique_ptr<runtime::EngineSocket> socket;  // and the engine
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<services::Services> hosted;
  std::unique_ptr<control::Agents> agents;

  ~Impl() {
    scheduler.reset();
    if (http) http->hear_no_more();
    if (api) api->forget_engine();
    if (agents) agents->forget_engine();
    if (hosted) hosted->forget_engine();
    socket.reset();
    if (api) api->finish();
    hosted.reset();
    agents.reset();
    http.reset();
  }

  Result<void> take_locks();
  Result<void> take_engine_lock();
  Result<std::unique_ptr<runtime::Engine>> make_engine();
  std::unique_ptr<services::Place> make_place(runtime::Engine& engine) const;
  void recover(runtime::Engine& engine) const;
};

Result<void> Server::Impl::take_locks() {
  if (auto created = runtime::create(options.state); !created) return created;
  const std::filesystem::path file = options.state.server_lock();
  const auto deadline = std::chrono::steady_clock::now() + kLookPatience;
  while (!server_lock) {
    auto taken = runtime::ProcessLock::try_take(file);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken) {
      server_lock.emplace(std::move(**taken));
    } else if (std::chrono::steady_clock::now() > deadline) {
      const pid_t holder = runtime::ProcessLock::holder(file);
      return fail(fmt::format(
          "another server works on {}{}: stop it first, or choose another state directory with "
          "--state",
          options.state.root.string(), holder > 0 ? fmt::format(" (process {})", holder) : ""));
    } else {
      std::this_thread::sleep_for(kLockAgain);
    }
  }
  return take_engine_lock();
}

/// A command that became the engine, since there was no server, is asked to make way; what it ran
/// goes on here.
Result<void> Server::Impl::take_engine_lock() {
  const std::filesystem::path file = options.state.engine_lock();
  const auto deadline = std::chrono::steady_clock::now() + kHandOverPatience;
  std::unique_ptr<runtime::EngineClient> asked;  // its connection stays until it is read
  for (int looks = 0;;) {
    auto taken = runtime::ProcessLock::try_take(file);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken) {
      engine_lock.emplace(std::move(**taken));
      return {};
    }
    if (std::chrono::steady_clock::now() > deadline) {
      const pid_t holder = runtime::ProcessLock::holder(file);
      return fail(fmt::format(
          "the engine that works on {}{} does not make way: end that process; its runs go on here",
          options.state.root.string(), holder > 0 ? fmt::format(" (process {})", holder) : ""));
    }
    // Again and again: it may still be reading the run that it is there for.
    if (looks++ % kLooksBetween == 0) {
      auto client =
          runtime::EngineClient::connect(options.state, std::make_shared<runtime::UpdateQueue>());
      if (client && (*client)->send({{"op", "hand_over"}})) asked = std::move(*client);
    }
    std::this_thread::sleep_for(kLockAgain);
  }
}

std::unique_ptr<services::Place> Server::Impl::make_place(runtime::Engine& engine) const {
  services::FrontPlace::Options front{options.state, options.services, options.log};
  if (options.services_on == "local") {
    return std::make_unique<services::ProcessPlace>(
        std::move(front), options.worker.parent_path() / "scanflow-service");
  }
  const bool here = options.services_on == "podman";
  const backend::Images images = runtime::pod_images(here);
  if (here) {
    return std::make_unique<services::PodmanPlace>(
        std::move(front),
        std::make_unique<services::PodmanPods>(
            services::PodmanPods::Options{options.state.pods() / "services",
                                          runtime::state_name(options.state), images.worker,
                                          images.sidecar, options.version, options.log},
            engine));
  }
  return std::make_unique<services::PodPlace>(
      services::PodPlace::Options{runtime::state_name(options.state),
                                  runtime::cluster_of_environment(), images.worker, images.sidecar,
                                  options.version, options.log},
      engine);
}

Result<std::unique_ptr<runtime::Engine>> Server::Impl::make_engine() {
  auto store = store::Store::open(options.state.root, options.durability);
  if (!store) return tl::unexpected(store.error());
  runtime::EngineOptions engine;
  engine.state = options.state;
  engine.store = std::move(*store);
  engine.worker = options.worker;
  engine.plugins = options.plugins;
  engine.jobs = options.jobs;
  engine.capacity = runtime::machine_capacity();
  engine.log = options.log;
  engine.patch_allow = options.patch_allow;
  engine.sync_artifacts = options.durability == store::Durability::power;
  return std::make_unique<runtime::Engine>(std::move(engine));
}

void Server::Impl::recover(runtime::Engine& engine) const {
  const std::int64_t begun_us = monotonic_us();
  std::promise<runtime::Recovery> recovered;
  engine.recover([&](const runtime::Recovery& recovery) { recovered.set_value(recovery); });
  const runtime::Recovery recovery = recovered.get_future().get();
  for (const std::string& problem : recovery.problems) options.log("cannot recover " + problem);
  options.log(
      fmt::format("recovered {} runs in {} ms", recovery.runs, (monotonic_us() - begun_us) / 1000));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  if (auto taken = impl->take_locks(); !taken) return tl::unexpected(taken.error());
  auto http = http::Server::listen(impl->options.listen);
  if (!http) return tl::unexpected(http.error());
  auto engine = impl->make_engine();
  if (!engine) return tl::unexpected(engine.error());
  auto runs = open_runs(impl->options.state);
  if (!runs) return fail(runs.error().message);
  const ServerOptions& chosen = impl->options;
  impl->http = std::move(*http);
  impl->api =
      std::make_unique<Api>(*impl->http, std::move(*runs),
                            ApiOptions{chosen.state, chosen.jobs, chosen.plugin_dirs,
                                       [&chosen] { return find_plugins(chosen); }, chosen.version});
  impl->http->start(
      [api = impl->api.get()](Request request, const Reply& reply) {
        api->handle(std::move(request), reply);
      },
      [api = impl->api.get()](const Request& head) { return api->admit(head); });
  impl->recover(**engine);
  // First: they are asked before anything begins.
  auto agents =
      control::Agents::start({chosen.state, chosen.worker, chosen.jobs, chosen.plugin_dirs,
                              [&chosen] { return find_plugins(chosen); }, chosen.log},
                             **engine);
  if (!agents) return tl::unexpected(agents.error());
  auto socket = runtime::EngineSocket::serve(std::move(*engine), chosen.state);
  if (!socket) {
    agents->reset();
    return tl::unexpected(socket.error());
  }
  impl->socket = std::move(*socket);
  impl->agents = std::move(*agents);
  auto scheduler = Scheduler::start({chosen.state, chosen.jobs, chosen.plugin_dirs,
                                     [&chosen] { return find_plugins(chosen); }, chosen.log},
                                    impl->socket->engine());
  if (!scheduler) return tl::unexpected(scheduler.error());
  impl->scheduler = std::move(*scheduler);
  auto hosted = services::Services::start(
      {chosen.state, [&chosen] { return find_plugins(chosen); }, chosen.log,
       [&engine = impl->socket->engine()](const services::ServiceSample& sample) {
         const auto kind = sample.is_counter ? knowledge::Kind::counter : knowledge::Kind::gauge;
         engine.observe(sample.name,
                        {{"namespace", sample.name_space}, {"service", sample.service}}, kind,
                        {sample.time_us, sample.value});
       },
       [&agents = *impl->agents](const store::Document& service) {
         return agents.admit_service(service);
       }},
      impl->make_place(impl->socket->engine()));
  if (!hosted) return tl::unexpected(hosted.error());
  impl->hosted = std::move(*hosted);
  impl->api->serve(impl->socket->engine(), *impl->hosted, *impl->agents);
  chosen.log("listening on http://" + impl->http->address());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::string& Server::address() const { return impl_->http->address(); }

void Server::take_no_more() {
  impl_->scheduler.reset();
  impl_->agents->forget_engine();  // what they would begin is the next server's
  impl_->socket->engine().take_no_more();
}

Result<std::size_t> Server::unfinished() const {
  const auto store = store::Store::open_read_only(impl_->options.state.root);
  if (!store) return tl::unexpected(store.error());
  const auto rows = (*store)->unfinished();
  if (!rows) return tl::unexpected(rows.error());
  return rows->size();
}

}  // namespace scanflow::api
