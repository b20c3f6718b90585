#include "engine/infer/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "engine/http/server.hpp"
#include "engine/infer/control.hpp"
#include "engine/infer/endpoints.hpp"
#include "engine/infer/plugin_model.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::infer {
namespace {

constexpr std::uint64_t kAllBodies = 512u << 20;
constexpr std::chrono::seconds kDrain{30};  // for what is on its way at the end

/// Models run on the thread of the protocol's socket: between two calls it serves its connections.
class OnServer : public Runner {
 public:
  explicit OnServer(http::Server& server) : server_(server) {}
  void post(std::function<void()> work) override { server_.post(std::move(work)); }
  void at(std::int64_t time_us, std::function<void()> work) override {
    server_.post_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(time_us)),
                    std::move(work));
  }
  std::int64_t now_us() const override { return monotonic_us(); }

 private:
  http::Server& server_;
};

Result<std::unique_ptr<http::Server>> listen(const std::string& address) {
  http::Options options;
  options.limits.body_bytes = kMaxBody;
  options.limits.all_bodies_bytes = kAllBodies;
  options.refusal = refusal;
  return http::Server::listen(address, std::move(options));
}

Result<std::vector<std::vector<Version>>> load_all(const ServiceDocument& document) {
  std::vector<std::vector<Version>> all;
  all.reserve(document.nodes.size());
  for (const NodeDocument& node : document.nodes) {
    std::vector<Version> versions;
    versions.reserve(node.versions.size());
    for (const VersionDocument& version : node.versions) {
      auto model = load_plugin(node, version, document.threads);
      if (!model) return tl::unexpected(model.error());
      versions.push_back({version.share, std::move(*model), version.model});
    }
    all.push_back(std::move(versions));
  }
  return all;
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

/// Until a signal, or the end of stdin where that is the parent's.
void wait_for_end(const UniqueFd& signals, bool with_parent) {
  pollfd fds[] = {{signals.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (true) {
    if (::poll(fds, with_parent ? 2 : 1, -1) < 0) continue;
    if (fds[0].revents != 0) return;
    char ignored[64];
    if (fds[1].revents != 0 && ::read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return;
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
  auto protocol = listen(document.listen);
  if (!protocol) return failed(protocol.error().message);
  auto admin = listen(document.admin);
  if (!admin) return failed(admin.error().message);
  OnServer runner(**protocol);
  Endpoints endpoints(document.name, runner);

  auto versions = load_all(document);
  if (!versions) return failed(versions.error().message);
  Service service(std::move(*flow), std::move(*versions), document.limits, runner);
  Control control(document, service);
  endpoints.serve(service);
  const auto not_found = [](const http::Request& request, const http::Reply& reply) {
    reply(refusal(404, fmt::format("there is no {} {}", request.method, request.target)));
  };
  (*protocol)->start([&](http::Request request, const http::Reply& reply) {
    if (!endpoints.handle(request, reply)) not_found(request, reply);
  });
  (*admin)->start([&](http::Request request, const http::Reply& reply) {
    if (!endpoints.handle(request, reply) && !control.handle(request, reply))
      not_found(request, reply);
  });
  const std::string ready = "ready " + (*protocol)->address() + "\n";
  if (::write(out.get(), ready.data(), ready.size()) < 0)
    return failed("nobody reads that it is ready");
  wait_for_end(signals, options.with_parent);
  endpoints.retire();
  drain(service);
  (*protocol)->hear_no_more();
  drain(service);                              // those that came in between
  if (service.requests() != 0) std::_Exit(0);  // a call that does not end: nothing can be tidied up
  control.finish();
  admin->reset();
  protocol->reset();
  return 0;
}

}  // namespace scanflow::infer
