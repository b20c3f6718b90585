#include "engine/infer/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdlib>
#include <future>
#include <iostream>
#include <optional>
#include <thread>

#include "engine/http/server.hpp"
#include "engine/infer/control.hpp"
#include "engine/infer/endpoints.hpp"
#include "engine/infer/stage.hpp"
#include "engine/infer/steered.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::infer {
namespace {

constexpr std::uint64_t kAllBodies = 512u << 20;
constexpr int kLookMs = 20;                 // whether all is loaded
constexpr std::size_t kWaiting = 4;         // threads
constexpr std::chrono::seconds kDrain{30};  // for what is on its way at the end

/// Models run on the thread of the protocol's socket: between two calls it serves its connections.
class OnServer : public Runner {
 public:
  explicit OnServer(http::Server& server) : server_(server) {}
  void post(std::function<void()> work) override { server_.post(std::move(work)); }
  /// Called by one at a time, as its service is.
  void apart(std::function<void()> work) override {
    if (!waiting_) waiting_.emplace(kWaiting);
    boost::asio::post(*waiting_, std::move(work));
  }
  void at(std::int64_t time_us, std::function<void()> work) override {
    server_.post_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(time_us)),
                    std::move(work));
  }
  std::int64_t now_us() const override { return monotonic_us(); }

 private:
  http::Server& server_;
  std::optional<boost::asio::thread_pool> waiting_;  // for other processes: most services ask none
};

Result<std::unique_ptr<http::Server>> listen(const std::string& address, bool open) {
  http::Options options;
  options.open = open;
  options.limits.body_bytes = kMaxBody;
  options.limits.all_bodies_bytes = kAllBodies;
  options.refusal = refusal;
  return http::Server::listen(address, std::move(options));
}

Result<Flow> flow_of(const ServiceDocument& document) {
  std::vector<FlowNode> nodes;
  nodes.reserve(document.nodes.size());
  for (const NodeDocument& node : document.nodes) nodes.push_back(node.node);
  return Flow::make(std::move(nodes));
}

/// SIGTERM and SIGINT, from now on; before any thread starts.
UniqueFd end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
}

/// Does it come within that time: a signal, or the end of stdin where that is the parent's? Below 0: however long it takes.
bool end_comes(const UniqueFd& signals, bool with_parent, int within_ms) {
  pollfd fds[] = {{signals.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (true) {
    const int heard = ::poll(fds, with_parent ? 2 : 1, within_ms);
    if (heard == 0) return false;
    if (heard < 0) continue;
    if (fds[0].revents != 0) return true;
    char ignored[64];
    if (fds[1].revents != 0 && ::read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return true;
  }
}

void drain(const Service& service) {
  const auto end = std::chrono::steady_clock::now() + kDrain;
  while (service.requests() != 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

/// Where "ready" is said. From now on what plugins print is among what they log.
UniqueFd take_stdout() {
  UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return out;
}

int failed(const std::string& why) {
  std::cerr << "scanflow-service: " << why << '\n';
  return 1;
}

}  // namespace

int run_host(const ServiceDocument& document, const HostOptions& options) {
  const UniqueFd signals = end_signals();
  const UniqueFd out = take_stdout();
  auto flow = flow_of(document);
  if (!flow) return failed(flow.error().message);
  auto protocol = listen(document.listen, !options.sidecar.empty());
  if (!protocol) return failed(protocol.error().message);
  std::unique_ptr<http::Server> admin;
  if (!document.admin.empty()) {
    auto listens = listen(document.admin, false);
    if (!listens) return failed(listens.error().message);
    admin = std::move(*listens);
  }
  OnServer runner(**protocol);
  Endpoints endpoints(document.name, runner);
  const auto say_ready = [&](Service& service) {
    endpoints.serve(service);
    const std::string ready = "ready " + (*protocol)->address() + "\n";
    (void)!::write(out.get(), ready.data(), ready.size());  // whoever does not read it, asks
  };
  Stage stage(document, std::move(*flow), runner, say_ready);
  Control control(document.id, stage);
  const auto not_found = [](const http::Request& request, const http::Reply& reply) {
    reply(refusal(404, fmt::format("there is no {} {}", request.method, request.target)));
  };
  (*protocol)->start([&](http::Request request, const http::Reply& reply) {
    if (!endpoints.handle(request, reply)) not_found(request, reply);
  });
  if (admin) {
    admin->start([&](http::Request request, const http::Reply& reply) {
      if (!endpoints.handle(request, reply) && !control.handle(request, reply))
        not_found(request, reply);
    });
  }
  auto loading = stage.load();
  while (loading.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    // What loads cannot be told to stop.
    if (end_comes(signals, options.with_parent, kLookMs)) std::_Exit(0);
  }
  if (const auto loaded = loading.get(); !loaded) {
    (void)failed(loaded.error().message);
    std::_Exit(1);
  }
  std::optional<Steered> steered;
  if (!options.sidecar.empty()) steered.emplace(options.sidecar, document.id, stage);
  (void)end_comes(signals, options.with_parent, -1);
  endpoints.retire();
  (*protocol)->answer_last();
  std::this_thread::sleep_for(options.linger);
  steered.reset();
  if (const Service* const service = stage.service()) drain(*service);  // also while a model loads
  stage.finish();
  const Service* const service = stage.service();
  (*protocol)->hear_no_more();
  if (service != nullptr) drain(*service);  // those that came in between
  // A call that does not end: nothing can be tidied up.
  if (service != nullptr && (service->requests() != 0 || service->calls_apart())) std::_Exit(0);
  admin.reset();
  protocol->reset();
  return 0;
}

}  // namespace scanflow::infer
