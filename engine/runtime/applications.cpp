#include "engine/runtime/applications.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "engine/pipeline/application_reader.hpp"

namespace scanflow::runtime {
namespace {

using pipeline::ApplicationSpec;
using Specs = std::vector<std::shared_ptr<const ApplicationSpec>>;

constexpr const char* kApplicationDocument = "Application";
constexpr const char* kServiceDocument = "InferenceService";

Result<std::vector<store::Document>> stored_applications(const store::Store* store) {
  std::vector<store::Document> documents;
  if (store == nullptr) return documents;
  const auto entries = store->documents(kApplicationDocument);
  if (!entries) return tl::unexpected(entries.error());
  for (const store::DocumentEntry& entry : *entries) {
    auto whole = store->document(kApplicationDocument, entry.newest.name_space, entry.newest.name);
    if (!whole) return tl::unexpected(whole.error());
    if (*whole) documents.push_back(std::move(**whole));
  }
  return documents;
}

bool is_same(const ApplicationSpec& one, const pipeline::Document& other) {
  return one.name == other.name && one.name_space == other.name_space;
}

/// Those that there would be.
Specs applications_then(const pipeline::Applications& now, const std::vector<Change>& changes) {
  Specs then;
  for (const auto& one : now.all()) {
    const bool replaced = std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
      return change.document.application && is_same(*one, change.document);
    });
    if (!replaced) then.push_back(one);
  }
  for (const Change& change : changes) {
    if (change.document.application) then.push_back(change.document.application);
  }
  return then;
}

/// One service too many, in any namespace that would get one more.
Result<void> check_services(const store::Store* store, const pipeline::Applications& then,
                            const std::vector<Change>& changes, std::vector<std::string>& found) {
  std::map<std::string, std::vector<const Change*>> more;
  for (const Change& change : changes) {
    if (change.document.kind == kServiceDocument && !change.before)
      more[change.document.name_space].push_back(&change);
  }
  for (const auto& [name_space, added] : more) {
    const pipeline::Owner* const owner = then.owner_of(name_space);
    if (owner == nullptr || !owner->team->quota.services) continue;
    std::size_t there = 0;
    if (store != nullptr) {
      const auto entries = store->documents(kServiceDocument, name_space);
      if (!entries) return tl::unexpected(entries.error());
      there = entries->size();
    }
    const std::size_t limit = *owner->team->quota.services;
    if (there + added.size() <= limit) continue;
    found.push_back(fmt::format(
        "{}: error: the service {}/{} is one too many: the quota of {} ({}) is {} service{}, and "
        "{} {} there; delete one, or raise 'quota.services' of the Application {}/{}",
        added.back()->document.file, name_space, added.back()->document.name, name_space,
        to_text(*owner), limit, limit == 1 ? "" : "s", there, there == 1 ? "is" : "are",
        owner->application->name_space, owner->application->name));
  }
  return {};
}

json quota_row(const char* name, json used, json limit) {
  return {{"name", name}, {"used", std::move(used)}, {"limit", std::move(limit)}};
}

template <class Value>
json limit_of(const std::optional<Value>& value) {
  return value ? json(*value) : json();
}

json source_document(const pipeline::Secret& secret) {
  if (!secret.env.empty()) return {{"env", secret.env}};
  if (!secret.file.empty()) return {{"file", secret.file}};
  return {{"secret", {{"name", secret.name}, {"key", secret.key}}}};
}

json team_document(const pipeline::Team& team, const std::map<std::string, std::size_t>& documents,
                   const Used& used) {
  const auto count = [&](const char* kind) {
    const auto found = documents.find(kind);
    return found == documents.end() ? std::size_t{0} : found->second;
  };
  const pipeline::Quota& quota = team.quota;
  json secrets, uses = json::array();
  if (team.secrets) {
    secrets = json::array();
    for (const pipeline::Secret& each : *team.secrets) secrets.push_back(source_document(each));
  }
  for (const pipeline::PipelineRight& each : team.uses) uses.push_back(to_text(each));
  return {{"name", team.name},
          {"namespace", team.name_space},
          {"documents",
           {{"Pipeline", count("Pipeline")},
            {kServiceDocument, count(kServiceDocument)},
            {"Agent", count("Agent")}}},
          {"quota",
           {quota_row("runs", used.runs, limit_of(quota.runs)),
            quota_row("cpus", used.in_flight.cpus, limit_of(quota.cpus)),
            quota_row("memory", used.in_flight.memory, limit_of(quota.memory)),
            quota_row("gpus", used.in_flight.gpus, limit_of(quota.gpus)),
            quota_row("services", count(kServiceDocument), limit_of(quota.services))}},
          {"queued", used.queued},
          {"waiting", used.waiting},
          {"secrets", std::move(secrets)},
          {"uses", std::move(uses)}};
}

}  // namespace

pipeline::Applications read_applications(const std::vector<store::Document>& documents,
                                         const std::function<void(const std::string&)>& log) {
  Specs specs;
  std::vector<pipeline::UnreadApplication> unread;
  for (const store::Document& document : documents) {
    auto read = pipeline::read_application(document.file, document.source, document.name_space);
    if (read.application) {
      specs.push_back(std::move(read.application));
      continue;
    }
    std::string why = pipeline::render(read.errors, document.source);
    if (log)
      log(fmt::format(
          "nothing begins in the namespaces of the application {}, as it cannot be read "
          "any more; apply it anew:\n{}",
          identity(document), why));
    unread.push_back(
        {document.name_space, document.name, std::move(read.name_spaces), std::move(why)});
  }
  return pipeline::Applications(std::move(specs), std::move(unread));
}

Result<pipeline::Applications> find_applications(
    const store::Store* store, const std::function<void(const std::string&)>& log) {
  const auto documents = stored_applications(store);
  if (!documents) return tl::unexpected(documents.error());
  return read_applications(*documents, log);
}

std::shared_ptr<const pipeline::Applications> registered_applications(
    const store::Store* store, const std::function<void(const std::string&)>& log) {
  auto found = find_applications(store, log);
  if (found) return std::make_shared<const pipeline::Applications>(std::move(*found));
  const std::string& why = found.error().message;
  if (log) log("the registered applications cannot be read, and nothing begins: " + why);
  return std::make_shared<const pipeline::Applications>(pipeline::Applications::unknown(why));
}

Result<std::vector<std::string>> refused_changes(const store::Store* store,
                                                 const std::vector<Change>& changes) {
  const auto now = find_applications(store);
  if (!now) return tl::unexpected(now.error());
  Specs specs = applications_then(*now, changes);
  if (specs.empty()) return std::vector<std::string>();
  if (std::string twice = pipeline::claimed_twice(specs); !twice.empty()) {
    twice.pop_back();
    return std::vector<std::string>{std::move(twice)};
  }
  const pipeline::Applications then(std::move(specs));
  std::vector<std::string> found;
  for (const Change& change : changes) {
    if (!change.document.pipeline) continue;
    for (std::string& each : pipeline::refusals(then, {*change.document.pipeline}))
      found.push_back(std::move(each));
  }
  if (auto checked = check_services(store, then, changes, found); !checked)
    return tl::unexpected(checked.error());
  return found;
}

Result<json> applications_document(const store::Store& store,
                                   const pipeline::Applications& applications,
                                   const std::map<std::string, Used>& used) {
  const auto entries = store.documents();
  if (!entries) return tl::unexpected(entries.error());
  std::map<std::string, std::map<std::string, std::size_t>> counts;  // by namespace, kind
  std::map<std::string, std::uint32_t> versions;                     // of applications
  for (const store::DocumentEntry& entry : *entries) {
    const store::Document& newest = entry.newest;
    ++counts[newest.name_space][newest.kind];
    if (newest.kind == kApplicationDocument)
      versions[newest.name_space + "/" + newest.name] = newest.version;
  }
  static const Used nothing;
  json list = json::array();
  for (const auto& application : applications.all()) {
    json teams = json::array();
    for (const pipeline::Team& team : application->teams) {
      const auto found = used.find(team.name_space);
      teams.push_back(team_document(team, counts[team.name_space],
                                    found == used.end() ? nothing : found->second));
    }
    list.push_back({{"namespace", application->name_space},
                    {"name", application->name},
                    {"version", versions[application->name_space + "/" + application->name]},
                    {"teams", std::move(teams)}});
  }
  return list;
}

}  // namespace scanflow::runtime
