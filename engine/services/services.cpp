#include "engine/services/services.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "engine/pipeline/service_reader.hpp"
#include "engine/serve/plan.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

constexpr std::chrono::milliseconds kLook{500};
constexpr std::int64_t kLongestWaitUs = 30'000'000;   // for a place that may be away
constexpr std::int64_t kLongestLoadUs = 300'000'000;  // loading costs those that serve

/// "" where it is done.
std::string unless_refused(Refusals& refusals, const std::string& about, const json& what,
                           const std::function<Result<void>()>& act) {
  if (std::string why = refusals.why_not(about, what, monotonic_us()); !why.empty()) return why;
  const auto done = act();
  std::string problem = done ? "" : done.error().message;
  refusals.note(about, what, problem, kLongestWaitUs, monotonic_us());
  return problem;
}

std::string about_of(const infer::NodeDocument& node) { return "node " + node.node.name; }

/// All but which versions its nodes have; not whether they have a model at all.
json shape_of(infer::ServiceDocument document) {
  for (infer::NodeDocument& node : document.nodes) {
    const bool has_model =
        std::any_of(node.versions.begin(), node.versions.end(),
                    [](const infer::VersionDocument& each) { return !each.model.empty(); });
    node.versions.assign(has_model ? 1 : 0, infer::VersionDocument());
  }
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

Result<std::unique_ptr<Services>> Services::start(Options options, std::unique_ptr<Place> place) {
  auto store = store::Store::open_read_only(options.state.root);
  if (!store) return tl::unexpected(store.error());
  return std::unique_ptr<Services>(
      new Services(std::move(options), std::move(*store), std::move(place)));
}

Services::Services(Options options, std::unique_ptr<store::Store> store,
                   std::unique_ptr<Place> place)
    : options_(std::move(options)),
      store_(std::move(store)),
      place_(std::move(place)),
      thread_([this] { loop(); }) {
  if (options_.observe)
    sampler_ = std::make_unique<Sampler>([this] { return list(); }, options_.observe);
}

void Services::forget_engine() {
  sampler_.reset();
  place_->forget_engine();
}

Services::~Services() {
  sampler_.reset();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Services::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, kLook, [this] { return ending_ || switched_; });
    switched_ = false;
  }
}

void Services::look() {
  const auto entries = store_->documents("InferenceService");
  if (!entries)
    return options_.log("cannot read the registered services: " + entries.error().message);
  std::set<serve::ServiceName> there;
  for (const store::DocumentEntry& entry : *entries) {
    there.insert({entry.newest.name_space, entry.newest.name});
  }
  keep(there);
  for (const store::DocumentEntry& entry : *entries) look_at(entry.newest);
  std::vector<serve::ServiceName> gone;
  for (const auto& [name, hosted] : hosted_)
    if (!there.contains(name) && (!hosted.under_way || hosted.under_way->is_done()))
      gone.push_back(name);
  for (const serve::ServiceName& name : gone) {
    options_.log(fmt::format("service {} ends: it was deleted", text_of(name)));
    place_->remove(name);
    const std::lock_guard lock(mutex_);
    hosted_.erase(name);
  }
}

void Services::keep(const std::set<serve::ServiceName>& there) {
  if (kept_) return;
  std::vector<std::string> names;
  names.reserve(there.size());
  for (const serve::ServiceName& name : there) names.push_back(text_of(name));
  const std::string problem =
      unless_refused(refused_, "keep", names, [&] { return place_->keep(there); });
  if (std::exchange(problem_, problem) != problem && !problem.empty())
    options_.log("services: " + problem);
  kept_ = problem.empty();
}

void Services::look_at(const store::Document& newest) {
  const serve::ServiceName name{newest.name_space, newest.name};
  Hosted hosted;
  if (const auto found = hosted_.find(name); found != hosted_.end()) hosted = found->second;
  if (hosted.under_way && !hosted.under_way->is_done()) return;
  const std::string before = hosted.problem;
  hosted.problem = hosted.under_way ? end_switch(name, hosted) : "";
  if (hosted.version != newest.version || !hosted.written) hosted.problem = read(newest, hosted);
  if (hosted.problem.empty()) hosted.problem = take_change(name, hosted);
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
  std::string source = (*document)->source;
  if (options_.admit) {
    std::string problem = unless_refused(hosted.refused, "admission", newest.version, [&] {
      auto admitted = options_.admit(**document);
      if (admitted) source = std::move(*admitted);
      return admitted ? Result<void>() : tl::unexpected(admitted.error());
    });
    if (!problem.empty()) return problem;
  }
  const auto read = pipeline::read_service((*document)->file, source, *catalog, newest.name_space);
  if (!read.service) return pipeline::render(read.errors, source);
  hosted.written = hosted.spec = read.service;
  hosted.change.clear();
  hosted.version = newest.version;
  return "";
}

/// What primitives have changed of this version of its document.
std::string Services::take_change(const serve::ServiceName& name, Hosted& hosted) const {
  const auto kept = store_->kept(pipeline::kept_as(name.name_space, name.name));
  if (!kept) return kept.error().message;
  const std::string text = kept->value_or("");
  if (std::exchange(hosted.change, text) == text) return "";
  const auto change = pipeline::service_change_from_json(json::parse(text, nullptr, false));
  hosted.spec = change.version == hosted.version
                    ? std::make_shared<pipeline::ServiceSpec>(changed(*hosted.written, change))
                    : hosted.written;
  return "";
}

serve::FindModel Services::find_model() const {
  return [this](const std::string& reference) {
    return track::find_model(store_.get(), options_.state.artifacts(), reference,
                             options_.state.root);
  };
}

/// "" where it is served as it is to be.
std::string Services::serve(const serve::ServiceName& name, Hosted& hosted) {
  std::string backup_problem = back_up(name, hosted);  // first: it serves where nothing else can
  auto planned = serve::plan_service(*hosted.spec, *catalog_, find_model());
  if (!planned) return planned.error().message;
  const bool same = hosted.planned && shape_of(*hosted.planned) == shape_of(*planned);
  if (same && !hosted.refused.knows("service")) {
    std::string problem = follow_models(name, hosted, *planned);
    return problem.empty() ? backup_problem : problem;
  }
  std::string problem = unless_refused(hosted.refused, "service", infer::to_json(*planned),
                                       [&] { return place_->put(name, *hosted.spec, *planned); });
  if (!problem.empty()) return problem;
  hosted.planned = std::move(*planned);
  return backup_problem;
}

/// Its backup, too.
std::string Services::back_up(const serve::ServiceName& name, Hosted& hosted) {
  auto planned = serve::plan_backup(*hosted.spec, *catalog_, find_model());
  if (!planned) return planned.error().message;
  if (!*planned && !hosted.backup && !hosted.refused.knows("backup")) return "";
  if (*planned && hosted.backup && !hosted.refused.knows("backup") &&
      infer::to_json(*hosted.backup) == infer::to_json(**planned)) {
    const auto set = place_->set_rules(name, *hosted.spec);
    return set ? "" : set.error().message;
  }
  std::string problem =
      unless_refused(hosted.refused, "backup", *planned ? infer::to_json(**planned) : json(),
                     [&] { return place_->set_backup(name, *hosted.spec, *planned); });
  if (problem.empty()) hosted.backup = std::move(*planned);
  return problem;
}

/// Nothing else is new: each node has the versions that its references mean now.
std::string Services::follow_models(const serve::ServiceName& name, Hosted& hosted,
                                    const infer::ServiceDocument& planned) {
  if (auto set = place_->set_rules(name, *hosted.spec); !set) return set.error().message;
  std::string problem;
  for (std::size_t i = 0; i < planned.nodes.size(); ++i) {
    const infer::NodeDocument& node = planned.nodes[i];
    const json now = infer::to_json(node.versions);
    if (infer::to_json(hosted.planned->nodes[i].versions) == now) continue;
    std::string why = hosted.refused.why_not(about_of(node), now, monotonic_us());
    const bool begins = why.empty();
    if (begins) why = hosted.refused.last(about_of(node), now);  // it may be so still
    if (problem.empty()) problem = std::move(why);
    if (!begins) continue;
    begin_switch(name, hosted, i, node);
    break;
  }
  return problem;
}

void Services::begin_switch(const serve::ServiceName& name, Hosted& hosted, std::size_t node,
                            const infer::NodeDocument& planned) {
  hosted.under_way = {node, planned.versions, std::async(std::launch::async, [this, name, planned] {
                        Result<std::optional<std::int64_t>> switched;
                        try {
                          switched = place_->set_versions(name, planned);
                        } catch (const std::exception& error) {  // a replica answers nonsense
                          switched = fail(error.what());
                        }
                        const std::lock_guard lock(mutex_);
                        switched_ = true;
                        changed_.notify_one();
                        return switched;
                      })};
}

std::string Services::end_switch(const serve::ServiceName& name, Hosted& hosted) {
  const Switch ended = *hosted.under_way;
  hosted.under_way.reset();
  infer::NodeDocument& node = hosted.planned->nodes[ended.node];
  const auto& switched = ended.done.get();
  std::string problem = switched ? "" : switched.error().message;
  hosted.refused.note(about_of(node), infer::to_json(ended.versions), problem, kLongestLoadUs,
                      monotonic_us());
  if (!switched) return problem;
  node.versions = ended.versions;
  options_.log(fmt::format(
      "service {}: the node {} has version {} now, {}", text_of(name), node.node.name,
      node.versions[0].share.version,
      *switched ? fmt::format("switched in {:.1f} ms", static_cast<double>(**switched) / 1000)
                : "once a replica is ready"));
  return "";
}

json Services::describe(const serve::ServiceName& name, const Hosted& hosted) const {
  json row = {{"namespace", name.name_space}, {"name", name.name},  {"version", hosted.version},
              {"problem", hosted.problem},    {"status", "failed"}, {"url", nullptr}};
  if (!hosted.planned && !hosted.backup) return row;
  row.update(place_->describe(name));
  if (!hosted.problem.empty()) row["problem"] = hosted.problem;
  const bool backed = row.contains("backup") && row["backup"].value("answers", false);
  row["status"] = backed                      ? "backup"
                  : !hosted.problem.empty()   ? "failed"
                  : row.value("ready", 0) > 0 ? "ready"
                                              : "starting";
  if (hosted.spec->slo_errors > 0) row["slo_errors"] = hosted.spec->slo_errors;
  if (hosted.spec->slo_p99_us > 0) row["slo_p99_us"] = hosted.spec->slo_p99_us;
  row["models"] = hosted.planned ? models_of(*hosted.planned) : json::object();
  if (row.contains("backup") && hosted.backup) row["backup"]["models"] = models_of(*hosted.backup);
  return row;
}

json Services::list() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const auto& [name, hosted] : hosted_) rows.push_back(describe(name, hosted));
  return rows;
}

std::optional<json> Services::show(const serve::ServiceName& name) const {
  json row;
  {
    const std::lock_guard lock(mutex_);
    const auto found = hosted_.find(name);
    if (found == hosted_.end()) return std::nullopt;
    row = describe(name, found->second);
  }
  row["processes"] = place_->processes(name);
  return row;
}

std::optional<std::string> Services::logs(const serve::ServiceName& name) const {
  {
    const std::lock_guard lock(mutex_);
    if (!hosted_.contains(name)) return std::nullopt;
  }
  return place_->logs(name);
}

}  // namespace scanflow::services
