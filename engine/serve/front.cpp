#include "engine/serve/front.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>

#include "engine/infer/endpoints.hpp"
#include "engine/serve/metrics.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::serve {
namespace {

using infer::refusal;

constexpr std::uint64_t kAllBodies = 1u << 30;
constexpr std::chrono::milliseconds kScalingTick{100};

}  // namespace

std::uint64_t ServiceCounts::requests() const {
  std::uint64_t all = 0;
  for (const auto& [status, count] : statuses) all += count;
  return all;
}

double ServiceCounts::errors() const {
  std::uint64_t errors = 0;
  for (const auto& [status, count] : statuses) errors += status >= 500 ? count : 0;
  return errors == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(requests());
}

struct Front::Impl {
  /// Belongs to the server's thread, but for what is set once.
  struct Entry {
    Entry(std::shared_ptr<Router> to, const ServiceRules& rules, const ReplicasOptions& options)
        : router(std::move(to)),
          scaling(rules.scaling),
          slo_errors(rules.slo_errors),
          tell(options.tell) {}
    const std::shared_ptr<Router> router;
    Scaling scaling;
    double slo_errors;
    const std::function<void(const std::string&)> tell;
    infer::Histogram total;
    std::map<int, std::uint64_t> statuses;
    std::uint64_t failovers = 0;
  };
  using Group = std::map<ServiceName, std::shared_ptr<Replicas>>;

  std::unique_ptr<http::Server> server;
  mutable std::mutex mutex;
  std::map<ServiceName, std::shared_ptr<Entry>> entries;
  Group replicas, backups;
  bool ending = false;

  void handle(http::Request request, const http::Reply& reply) {
    auto& path = request.path;
    ServiceName name;
    bool named = false;
    if (path.size() > 3 && path[0] == "services") {
      named = true;
      name = {path[1], path[2]};
      // The replica knows nothing of where it is.
      std::size_t cut = 0;
      for (int segments = 0; segments < 3; ++segments) cut = request.target.find('/', cut + 1);
      request.target.erase(0, cut);
      path.erase(path.begin(), path.begin() + 3);
    }
    if (path.empty() || path[0] != "v2") return beside(request, reply);
    if (path.size() == 1 || path[1] == "health") return say_health(request, named, name, reply);
    if (request.method != "GET" && request.method != "POST")
      return reply(refusal(405, fmt::format("{:.20} is not part of the protocol", request.method)));
    const auto entry = find(name, named);
    if (!entry) {
      return reply(refusal(404, named ? fmt::format("there is no service '{:.100}/{:.100}'",
                                                    name.name_space, name.name)
                                      : "say which service: /services/NAMESPACE/NAME/v2/..."));
    }
    const std::int64_t begun = monotonic_us();
    entry->router->forward(std::move(request), [entry, begun, reply](http::Response response) {
      ++entry->statuses[response.status];
      if (response.status == 200) entry->total.add(monotonic_us() - begun);
      reply(std::move(response));
    });
  }

  void beside(const http::Request& request, const http::Reply& reply) {
    if (request.path.size() != 1 || request.path[0] != "metrics")
      return reply(
          refusal(404, fmt::format("there is no {} {:.200}", request.method, request.target)));
    http::Response response;
    response.content_type = "text/plain; version=0.0.4";
    std::vector<std::pair<ServiceName, ServiceCounts>> all;
    const std::lock_guard lock(mutex);
    for (const auto& [name, entry] : entries) all.emplace_back(name, count(*entry));
    response.body = metrics_text(all);
    reply(std::move(response));
  }

  /// Of the service that is named, else of all.
  void say_health(const http::Request& request, bool named, const ServiceName& name,
                  const http::Reply& reply) {
    const auto& path = request.path;
    if (path.size() == 1)
      return reply(
          http::respond(200, {{"name", "scanflow"}, {"extensions", {"binary_tensor_data"}}}));
    if (path.size() == 3 && path[2] == "live") return reply(http::respond(200, {{"live", true}}));
    if (path.size() != 3 || path[2] != "ready")
      return reply(refusal(404, fmt::format("there is no GET {:.200}", request.target)));
    const std::lock_guard lock(mutex);
    const bool known = !named || entries.contains(name);
    const bool ready = known && std::all_of(entries.begin(), entries.end(), [&](const auto& each) {
                         return (named && each.first != name) || each.second->router->ready() > 0 ||
                                each.second->router->backups_ready() > 0;
                       });
    reply(ready ? http::respond(200, {{"ready", true}}) : refusal(503, "a service is not ready"));
  }

  std::shared_ptr<Entry> find(const ServiceName& name, bool named) const {
    const std::lock_guard lock(mutex);
    if (!named) return entries.size() == 1 ? entries.begin()->second : nullptr;
    const auto found = entries.find(name);
    return found == entries.end() ? nullptr : found->second;
  }

  static ServiceCounts count(const Entry& entry) {
    const Router& router = *entry.router;
    return {router.retried(),
            router.on_their_way(),
            router.ready(),
            entry.scaling.wanted(),
            entry.total,
            entry.statuses,
            entry.slo_errors,
            {router.backups_ready(), router.backup_answers(), router.backup_requests(),
             entry.failovers}};
  }

  std::shared_ptr<Replicas> find(const Group& group, const ServiceName& name) const {
    const std::lock_guard lock(mutex);
    const auto found = group.find(name);
    return found == group.end() ? nullptr : found->second;
  }

  /// The service's, or a new one.
  std::shared_ptr<Entry> entry_of(const ServiceName& name, const ServiceRules& rules,
                                  const ReplicasOptions& options) {
    const std::lock_guard lock(mutex);
    std::shared_ptr<Entry>& entry = entries[name];
    if (entry) return entry;
    entry = std::make_shared<Entry>(Router::make(*server, rules.limits), rules, options);
    entry->router->on_switch([entry = entry.get()](bool backup_answers) {
      entry->failovers += backup_answers ? 1 : 0;
      entry->tell(backup_answers ? "failover: no replica is ready, the backup answers"
                  : entry->router->ready() > 0
                      ? "failback: a replica is ready, the backup answers no more"
                      : "the backup is not ready any more, either");
    });
    return entry;
  }

  void put(Group& group, const ServiceName& name, infer::ServiceDocument document,
           std::size_t count, const Entry& entry, ReplicasOptions options) {
    auto made = std::make_shared<Replicas>(std::move(options), std::move(document), count,
                                           *entry.router, *server);
    const std::lock_guard lock(mutex);
    group[name] = std::move(made);
  }

  /// Before its replicas end: that is no failover.
  void be_silent(const std::shared_ptr<Entry>& entry) {
    server->post([entry] { entry->router->on_switch(nullptr); });
  }

  /// As many replicas as its rule wants now, where there were `before`. Under the lock.
  void scale(const ServiceName& name, Entry& entry, std::size_t before) {
    const auto those = replicas.find(name);
    if (those == replicas.end()) return;
    const std::int64_t now = monotonic_us();
    const std::size_t wanted = entry.scaling.decide(now, entry.router->busy_us(now));
    if (wanted == before) return;
    those->second->scale(wanted);
    entry.tell(entry.scaling.text(before));
  }

  /// Again and again, until the front ends.
  void scale_all() {
    const std::lock_guard lock(mutex);
    if (ending) return;
    for (const auto& [name, entry] : entries) scale(name, *entry, entry->scaling.wanted());
    server->post_at(std::chrono::steady_clock::now() + kScalingTick, [this] { scale_all(); });
  }
};

Front::Front(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Front::~Front() {
  Impl::Group ended, backups;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    ended.swap(impl_->replicas);
    backups.swap(impl_->backups);
    for (const auto& [name, entry] : impl_->entries) impl_->be_silent(entry);
  }
  for (Impl::Group* group : {&ended, &backups})
    for (const auto& [name, replicas] : *group) replicas->end();  // all at once
  ended.clear();
  backups.clear();
  impl_->server->hear_no_more();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->entries.clear();
  }
  impl_->server.reset();
}

Result<std::unique_ptr<Front>> Front::listen(const std::string& address) {
  http::Options options;
  options.limits.body_bytes = infer::kMaxBody;
  options.limits.all_bodies_bytes = kAllBodies;
  options.refusal = refusal;
  auto server = http::Server::listen(address, std::move(options));
  if (!server) return tl::unexpected(server.error());
  auto impl = std::make_unique<Impl>();
  impl->server = std::move(*server);
  impl->server->start([impl = impl.get()](http::Request request, const http::Reply& reply) {
    impl->handle(std::move(request), reply);
  });
  impl->server->post([impl = impl.get()] { impl->scale_all(); });
  return std::unique_ptr<Front>(new Front(std::move(impl)));
}

const std::string& Front::address() const { return impl_->server->address(); }

void Front::put(const ServiceName& name, infer::ServiceDocument document, const ServiceRules& rules,
                ReplicasOptions options) {
  if (const auto there = replicas(name)) {
    set_rules(name, rules);
    return there->update(std::move(document));
  }
  const auto entry = impl_->entry_of(name, rules, options);
  set_rules(name, rules);
  impl_->put(impl_->replicas, name, std::move(document), rules.scaling.min, *entry,
             std::move(options));
}

void Front::put_backup(const ServiceName& name, infer::ServiceDocument document,
                       const ServiceRules& rules, ReplicasOptions options) {
  if (const auto there = backup(name)) return there->update(std::move(document));
  const auto entry = impl_->entry_of(name, rules, options);
  options.backup = true;
  impl_->put(impl_->backups, name, std::move(document), 1, *entry, std::move(options));
}

void Front::remove_backup(const ServiceName& name) {
  std::shared_ptr<Replicas> ended;
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->backups.find(name);
  if (found == impl_->backups.end()) return;
  ended = std::move(found->second);
  impl_->backups.erase(found);
}

void Front::set_rules(const ServiceName& name, const ServiceRules& rules) {
  impl_->server->post([impl = impl_.get(), name, rules] {
    const std::lock_guard lock(impl->mutex);
    const auto found = impl->entries.find(name);
    if (found == impl->entries.end()) return;
    found->second->router->set_limits(rules.limits);
    found->second->slo_errors = rules.slo_errors;
    const std::size_t before = found->second->scaling.wanted();
    found->second->scaling.set_rule(rules.scaling);
    impl->scale(name, *found->second, before);
  });
}

void Front::remove(const ServiceName& name) {
  std::shared_ptr<Impl::Entry> entry;
  Impl::Group::node_type ended, backup;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->entries.find(name);
    if (found == impl_->entries.end()) return;
    entry = std::move(found->second);
    impl_->entries.erase(found);
    ended = impl_->replicas.extract(name);
    backup = impl_->backups.extract(name);
  }
  impl_->be_silent(entry);
  for (Impl::Group::node_type* each : {&ended, &backup})
    if (!each->empty()) each->mapped()->end();  // both at once
  ended = {};
  backup = {};
  impl_->server->post([entry = std::move(entry)] {});  // its router ends on its thread
}

std::shared_ptr<Replicas> Front::replicas(const ServiceName& name) const {
  return impl_->find(impl_->replicas, name);
}

std::shared_ptr<Replicas> Front::backup(const ServiceName& name) const {
  return impl_->find(impl_->backups, name);
}

ServiceCounts Front::counts(const ServiceName& name) const {
  std::promise<ServiceCounts> promise;
  auto counted = promise.get_future();
  impl_->server->post([&] {
    const auto entry = impl_->find(name, true);
    promise.set_value(entry ? Impl::count(*entry) : ServiceCounts{});
  });
  return counted.get();
}

}  // namespace scanflow::serve
