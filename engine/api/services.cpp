#include "engine/api/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>

#include "engine/pipeline/service_reader.hpp"
#include "engine/serve/plan.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::api {
namespace {

constexpr std::chrono::milliseconds kLook{500};
constexpr std::int64_t kFirstWaitUs = 5'000'000, kLongestWaitUs = 300'000'000;
constexpr std::size_t kLogTail = std::size_t{64} << 10;  // bytes of each replica's

std::string text_of(const serve::ServiceName& name) { return name.name_space + "/" + name.name; }

/// All but which versions its nodes have.
json shape_of(infer::ServiceDocument document) {
  for (infer::NodeDocument& node : document.nodes) node.versions.clear();
  return infer::to_json(document);
}

json models_of(const infer::ServiceDocument& document) {
  json models = json::object();
  for (const infer::NodeDocument& node : document.nodes) {
    json versions = json::array();
    for (const infer::VersionDocument& version : node.versions) {
      if (version.model.empty()) continue;
      versions.push_back({{"version", version.share.version},
                          {"weight", version.share.weight},
                          {"shadow", version.share.shadow}});
    }
    if (!versions.empty()) models[node.node.name] = std::move(versions);
  }
  return models;
}

}  // namespace

Result<std::unique_ptr<Services>> Services::start(Options options) {
  auto store = store::Store::open_read_only(options.state.root);
  if (!store) return tl::unexpected(store.error());
  return std::unique_ptr<Services>(new Services(std::move(options), std::move(*store)));
}

Services::Services(Options options, std::unique_ptr<store::Store> store)
    : options_(std::move(options)), store_(std::move(store)), thread_([this] { loop(); }) {}

Services::~Services() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  front_.reset();
  std::error_code ignored;
  for (const auto& [name, hosted] : hosted_) std::filesystem::remove_all(hosted.directory, ignored);
}

void Services::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, kLook, [this] { return ending_; });
  }
}

void Services::look() {
  const auto entries = store_->documents("InferenceService");
  if (!entries)
    return options_.log("cannot read the registered services: " + entries.error().message);
  std::set<serve::ServiceName> there;
  for (const store::DocumentEntry& entry : *entries) {
    there.insert({entry.newest.name_space, entry.newest.name});
    look_at(entry.newest);
  }
  std::vector<serve::ServiceName> gone;
  for (const auto& [name, hosted] : hosted_)
    if (!there.contains(name)) gone.push_back(name);
  for (const serve::ServiceName& name : gone) {
    options_.log(fmt::format("service {} ends: it was deleted", text_of(name)));
    if (front_) front_->remove(name);
    std::error_code ignored;
    std::filesystem::remove_all(hosted_[name].directory, ignored);
    const std::lock_guard lock(mutex_);
    hosted_.erase(name);
  }
}

void Services::look_at(const store::Document& newest) {
  const serve::ServiceName name{newest.name_space, newest.name};
  Hosted hosted;
  if (const auto found = hosted_.find(name); found != hosted_.end()) hosted = found->second;
  const std::string before = hosted.problem;
  hosted.problem.clear();
  if (hosted.version != newest.version || !hosted.spec) hosted.problem = read(newest, hosted);
  if (hosted.problem.empty()) hosted.problem = serve(name, hosted);
  if (hosted.problem != before && !hosted.problem.empty())
    options_.log(fmt::format("service {}: {}", text_of(name), hosted.problem));
  const std::lock_guard lock(mutex_);
  hosted_[name] = std::move(hosted);
}

std::string Services::read(const store::Document& newest, Hosted& hosted) {
  auto document = store_->document(newest.kind, newest.name_space, newest.name, newest.version);
  const auto catalog = options_.catalog();
  if (catalog) catalog_ = catalog;
  if (!document || !*document || !catalog) return "its document, or its plugins, cannot be read";
  const auto read =
      pipeline::read_service((*document)->file, (*document)->source, *catalog, newest.name_space);
  if (!read.service) return pipeline::render(read.errors, (*document)->source);
  hosted.spec = read.service;
  hosted.version = newest.version;
  return "";
}

/// "" where it is served as it is to be.
std::string Services::serve(const serve::ServiceName& name, Hosted& hosted) {
  auto planned = serve::plan_service(*hosted.spec, *catalog_, [this](const std::string& reference) {
    return serve::find_model(store_.get(), options_.state.artifacts(), reference,
                             options_.state.root);
  });
  if (!planned) return planned.error().message;
  if (hosted.planned && shape_of(*hosted.planned) == shape_of(*planned))
    return follow_models(name, hosted, std::move(*planned));
  if (!front_) {
    auto front = serve::Front::listen(options_.listen);
    if (!front) return front.error().message;
    const std::lock_guard lock(mutex_);
    front_ = std::move(*front);
    options_.log("services are at http://" + front_->address() + "/services/NAMESPACE/NAME/v2");
  }
  if (hosted.directory.empty()) {
    const auto directory = options_.state.sockets / fmt::format("s{}", ++directories_);
    hosted.logs = options_.state.root / "services" / name.name_space / name.name;
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::create_directories(hosted.logs, error);
    if (error) return fmt::format("cannot make {}: {}", hosted.logs.string(), error.message());
    hosted.directory = directory;
  }
  serve::ReplicasOptions replicas;
  replicas.program = options_.program;
  replicas.directory = hosted.directory;
  replicas.logs = hosted.logs;
  replicas.tell = [log = options_.log, who = text_of(name)](const std::string& line) {
    log(fmt::format("service {}: {}", who, line));
  };
  front_->put(name, *planned, serve::rules_of(*hosted.spec), std::move(replicas));
  hosted.planned = std::move(*planned);
  return "";
}

/// Nothing else is new: each node has the versions that its references mean now.
std::string Services::follow_models(const serve::ServiceName& name, Hosted& hosted,
                                    infer::ServiceDocument planned) {
  const auto replicas = front_->replicas(name);
  if (!replicas) return "it is not served any more";
  front_->set_rules(name, serve::rules_of(*hosted.spec));
  for (std::size_t i = 0; i < planned.nodes.size(); ++i) {
    const auto& before = hosted.planned->nodes[i].versions;
    const auto& now = planned.nodes[i].versions;
    if (infer::to_json(before) == infer::to_json(now)) continue;
    if (infer::to_json(now) == hosted.refused && monotonic_us() < hosted.try_again_us)
      return hosted.refusal;
    const auto switched = replicas->set_traffic(planned.nodes[i].node.name, now);
    if (!switched) {  // loading it again and again would be at the cost of what is served
      const bool again = infer::to_json(now) == hosted.refused;
      hosted.wait_us = again ? std::min(hosted.wait_us * 2, kLongestWaitUs) : kFirstWaitUs;
      hosted.try_again_us = monotonic_us() + hosted.wait_us;
      hosted.refused = infer::to_json(now);
      hosted.refusal = switched.error().message;
      return hosted.refusal;
    }
    hosted.refused = json();
    options_.log(fmt::format("service {}: the node {} has version {} now, switched in {:.1f} ms",
                             text_of(name), planned.nodes[i].node.name, now[0].share.version,
                             static_cast<double>(*switched) / 1000));
    hosted.planned->nodes[i].versions = now;
  }
  return "";
}

json Services::describe(const serve::ServiceName& name, const Hosted& hosted) const {
  json row = {{"namespace", name.name_space}, {"name", name.name},  {"version", hosted.version},
              {"problem", hosted.problem},    {"status", "failed"}, {"url", nullptr}};
  if (!front_ || !hosted.planned) return row;
  const serve::ServiceCounts counts = front_->counts(name);
  row["status"] = !hosted.problem.empty() ? "failed" : counts.ready > 0 ? "ready" : "starting";
  row["url"] = fmt::format("http://{}/services/{}/{}/v2/models/{}", front_->address(),
                           name.name_space, name.name, name.name);
  row["replicas"] = counts.wanted;
  row["ready"] = counts.ready;
  row["requests"] = counts.requests();
  row["errors"] = counts.errors();
  if (hosted.spec->slo_errors > 0) row["slo_errors"] = hosted.spec->slo_errors;
  row["in_flight"] = counts.on_their_way;
  row["p50_us"] = counts.total.quantile(0.5);
  row["p99_us"] = counts.total.quantile(0.99);
  if (hosted.spec->slo_p99_us > 0) row["slo_p99_us"] = hosted.spec->slo_p99_us;
  row["models"] = models_of(*hosted.planned);
  return row;
}

json Services::list() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const auto& [name, hosted] : hosted_) rows.push_back(describe(name, hosted));
  return rows;
}

std::optional<json> Services::show(const serve::ServiceName& name) const {
  std::shared_ptr<serve::Replicas> replicas;
  json row;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosted_.find(name);
    if (found == hosted_.end()) return std::nullopt;
    row = describe(name, found->second);
    if (front_) replicas = front_->replicas(name);
  }
  row["processes"] = json::array();
  if (!replicas) return row;
  for (const serve::ReplicaStatus& status : replicas->status()) {
    using State = serve::ReplicaStatus::State;
    json process = {{"id", status.id},
                    {"pid", status.pid},
                    {"state", status.state == State::ready      ? "ready"
                              : status.state == State::starting ? "starting"
                                                                : "ending"}};
    if (status.state == State::ready) {
      if (auto said = replicas->ask(status.id, "/status")) process["says"] = std::move(*said);
    }
    row["processes"].push_back(std::move(process));
  }
  return row;
}

std::optional<std::string> Services::logs(const serve::ServiceName& name) const {
  std::filesystem::path directory;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosted_.find(name);
    if (found == hosted_.end()) return std::nullopt;
    directory = found->second.logs;
  }
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".log")
      files.emplace_back(std::filesystem::last_write_time(entry.path(), error), entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const auto& [changed, file] : files) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
    in.seekg(static_cast<std::streamoff>(size - std::min(size, kLogTail)));
    for (std::string line; std::getline(in, line);)
      text += fmt::format("{}  {}\n", file.stem().string(), line);
  }
  return text;
}

}  // namespace scanflow::api
