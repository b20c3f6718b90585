#include "tests/support/kube/server.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "sdk/base/clock.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/kube/api.hpp"
#include "tests/support/kube/objects.hpp"

namespace scanflow::test::kube {
namespace {

/// For the life of a test.
constexpr std::size_t kConnections = 4000;

const char* const kMasters = "system:masters";

http::Response response_of(Answer& answer) {
  http::Response response;
  response.status = answer.status;
  response.content_type = answer.content_type;
  response.headers = answer.headers;
  response.headers.emplace_back("Cache-Control", "no-cache, private");
  const bool is_text = !answer.text.empty() || answer.body.is_string();
  response.body = is_text ? std::move(answer.text)
                          : answer.body.dump(-1, ' ', false, json::error_handler_t::replace);
  if (answer.watch) response.stream = answer.watch;
  if (answer.log) response.stream = answer.log;
  return response;
}

/// Of an object that is made, its own name counts.
std::string name_in(const Route& route, const http::Request& request) {
  if (!route.name.empty() || request.method != "POST") return route.name;
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("metadata") || !body["metadata"].is_object()) return "";
  return body["metadata"].value("name", body["metadata"].value("generateName", ""));
}

const Fault* of_kind(const std::vector<Fault>& faults, Fault::Kind kind) {
  for (const Fault& fault : faults) {
    if (fault.kind == kind) return &fault;
  }
  return nullptr;
}

}  // namespace

KubeServer::KubeServer(ServerOptions options)
    : options_(std::move(options)), cluster_(options_.cluster, mutex_) {
  const IssuedFiles at{files_.path()};
  const http::Issued issued = issue(-kDay_s, 30 * kDay_s, {"localhost", "kubernetes.default.svc"});
  at.write(issued);
  ca_ = issued.ca;
  auto certificate = http::Certificate::open(
      at.files, {[] { return wall_us() / 1'000'000; }, [](const std::string&) {}});
  auto clients = http::ClientCa::of(client_ca_.pem());
  if (!certificate || !clients) throw std::runtime_error("the API server has no certificate");
  http::Options serving;
  serving.certificate = *certificate;
  serving.client_ca = *clients;
  serving.limits.connections = kConnections;
  auto server = http::Server::listen("127.0.0.1:0", std::move(serving));
  if (!server) throw std::runtime_error(server.error().message);
  server_ = std::move(*server);
  url_ = "https://" + server_->address();
  admin_ = add_user("kubernetes-admin", {kMasters});
  server_->start([this](http::Request request, const http::Reply& reply) {
    handle(std::move(request), reply);
  });
  bookmark_again();
}

KubeServer::~KubeServer() {
  timer_.stop();
  drop_watches();
  server_.reset();
}

// --- users

std::string KubeServer::add_user(const std::string& name, const std::vector<std::string>& groups) {
  const std::lock_guard lock(mutex_);
  return cluster_.users.add({name, "", groups});
}

ClientPair KubeServer::client_certificate(const std::string& name,
                                          const std::vector<std::string>& groups) {
  return client_ca_.issue(name, groups);
}

// --- asked here

Answer KubeServer::ask(const std::string& method, const std::string& target, const json& body,
                       const std::string& content_type) {
  http::Request request;
  request.method = method;
  request.content_type = content_type;
  if (!body.is_null()) request.body = body.dump();
  if (!http::parse_target(target, request)) throw std::runtime_error("malformed: " + target);
  const std::lock_guard lock(mutex_);
  const auto route = route_of(cluster_.known, request);
  Answer given = route ? answer(cluster_, {request, *route, {"test", "", {kMasters}}})
                       : no_such_path().answer();
  if (given.body.is_null() && given.content_type == "application/json" && !given.text.empty())
    given.body = json::parse(given.text);
  return given;
}

json KubeServer::create(const json& manifest) {
  const std::lock_guard lock(mutex_);
  const std::string version = manifest.at("apiVersion"), kind = manifest.at("kind");
  const Resource* resource = cluster_.known.of_kind(version, kind);
  if (resource == nullptr)
    throw std::runtime_error(fmt::format("no resource is of kind {} of {}", kind, version));
  std::string path = (resource->group.empty() ? "/api/" : "/apis/") + version;
  if (resource->namespaced)
    path += "/namespaces/" + manifest["metadata"].value("namespace", "default");
  const Answer made = ask("POST", path + "/" + resource->plural, manifest);
  if (made.status != 201) throw std::runtime_error(made.body.value("message", "refused"));
  return made.body;
}

json KubeServer::get(const std::string& path) {
  const Answer given = ask("GET", path);
  return given.status == 200 ? given.body : json();
}

// --- what goes wrong

void KubeServer::add_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  cluster_.faults.add(std::move(fault));
}

void KubeServer::clear_faults() {
  const std::lock_guard lock(mutex_);
  cluster_.faults.clear();
}

void KubeServer::compact() {
  const std::lock_guard lock(mutex_);
  cluster_.store.compact();
}

void KubeServer::drop_watches(bool torn) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : cluster_.watches) {
    if (const auto stream = weak.lock()) stream->end(torn);
  }
}

void KubeServer::send_bookmarks() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : cluster_.watches) {
    if (const auto stream = weak.lock()) stream->bookmark();
  }
}

void KubeServer::bookmark_again() {
  if (options_.bookmarks.count() == 0) return;
  timer_.after(options_.bookmarks, [this] {
    send_bookmarks();
    bookmark_again();
  });
}

Counters KubeServer::counters() {
  const std::lock_guard lock(mutex_);
  std::erase_if(cluster_.watches, [](const auto& weak) { return weak.expired(); });
  cluster_.counters.watches_are(cluster_.watches.size());
  return cluster_.counters;
}

// --- asked over HTTP

void KubeServer::handle(http::Request request, const http::Reply& reply) {
  const std::lock_guard lock(mutex_);
  const auto route = route_of(cluster_.known, request);
  const auto user = cluster_.users.of(request, cluster_.now_s());
  std::vector<Fault> faults;
  if (user && route) faults = cluster_.faults.meet(*route, name_in(*route, request));
  const Fault* slow = of_kind(faults, Fault::Kind::slow);
  const bool before = of_kind(faults, Fault::Kind::close_before) != nullptr;
  const bool after = of_kind(faults, Fault::Kind::close_after) != nullptr;
  const Fault* status = of_kind(faults, Fault::Kind::status);
  const Fault* stale = of_kind(faults, Fault::Kind::stale);
  Answer given;
  if (!user) {
    given = unauthorized().answer();
  } else if (!route) {
    given = no_such_path().answer();
  } else if (status != nullptr) {
    given = refusal_of(*status, *route).answer();
  } else if (!before) {
    Call call{request, *route, *user};
    call.versions_ago = stale == nullptr ? 0 : stale->versions;
    call.no_bookmarks = of_kind(faults, Fault::Kind::no_bookmarks) != nullptr;
    given = answer(cluster_, call);
  }
  const bool closed = before || after;
  const std::string verb = route ? route->verb : "",
                    resource = route && route->resource != nullptr ? route->resource->plural : "";
  cluster_.counters.add({verb, resource, closed ? 0 : given.status}, monotonic_us());
  if (closed) return;  // without its reply a connection closes
  if (given.watch) begin_watch(given, faults);
  auto response = response_of(given);
  if (slow == nullptr) return reply(std::move(response));
  timer_.after(slow->delay,
               [reply, response = std::move(response)]() mutable { reply(std::move(response)); });
}

void KubeServer::begin_watch(const Answer& given, const std::vector<Fault>& faults) {
  std::erase_if(cluster_.watches, [](const auto& weak) { return weak.expired(); });
  cluster_.counters.watches_are(cluster_.watches.size());
  if (of_kind(faults, Fault::Kind::compact_watch) != nullptr) given.watch->expire();
  if (of_kind(faults, Fault::Kind::end_watch) != nullptr) given.watch->end();
  if (given.timeout_s <= 0) return;
  timer_.after(std::chrono::seconds(given.timeout_s), [weak = std::weak_ptr(given.watch), this] {
    const std::lock_guard lock(mutex_);
    if (const auto stream = weak.lock()) stream->end();
  });
}

}  // namespace scanflow::test::kube
