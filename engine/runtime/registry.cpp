#include "engine/runtime/registry.hpp"

#include <fmt/format.h>

#include "engine/pipeline/text.hpp"
#include "engine/runtime/applications.hpp"
#include "engine/runtime/submission.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::runtime {
namespace {

/// A file would have to be there, and the same, whenever it is called.
pipeline::FindPipeline find_registered_only(const store::Store* store) {
  return [find = find_pipelines(find_in(store))](
             const std::string& call,
             const pipeline::Calling& from) -> Result<pipeline::SourceText> {
    if (!pipeline::names_file(call)) return find(call, from);
    return fail(
        "a registered pipeline calls registered ones, not files: apply that file too, and call it "
        "by its name");
  };
}

store::Document row_of(const pipeline::Document& document, std::int64_t now_us) {
  store::Document row;
  row.kind = document.kind;
  row.name_space = document.name_space;
  row.name = document.name;
  row.source = document.text;
  row.file = document.file;
  if (!document.labels.empty()) row.labels = json(document.labels).dump();
  row.created_us = now_us;
  return row;
}

json described(const pipeline::Document& document, const std::string& outcome, json version) {
  return {{"kind", document.kind}, {"namespace", document.name_space},
          {"name", document.name}, {"version", std::move(version)},
          {"outcome", outcome},    {"file", document.file}};
}

std::string outcome_of(const store::Applied& applied) {
  switch (applied.outcome) {
    case store::Applied::Outcome::created:
      return "created";
    case store::Applied::Outcome::updated:
      return "configured";
    case store::Applied::Outcome::unchanged:
      return "unchanged";
  }
  return "";
}

/// What to say beside "there is none": which versions, the same name elsewhere, or a near one.
std::string otherwise(const store::Store* store, const store::DocumentName& wanted) {
  const auto entries = store != nullptr ? store->documents(wanted.kind)
                                        : Result<std::vector<store::DocumentEntry>>();
  if (!entries) return entries.error().message;
  if (entries->empty()) return "nothing is registered yet ('scanflow apply -f' does it)";
  std::vector<std::string> names;
  std::string elsewhere;
  for (const store::DocumentEntry& entry : *entries) {
    const store::Document& newest = entry.newest;
    const bool here = newest.name_space == wanted.name_space;
    if (newest.name == wanted.name && here)
      return fmt::format("its newest version is {}", newest.version);
    if (newest.name == wanted.name && elsewhere.empty()) elsewhere = newest.name_space;
    if (here) names.push_back(newest.name);
  }
  if (!elsewhere.empty()) return fmt::format("there is '{}/{}'", elsewhere, wanted.name);
  const std::string near = nearest(wanted.name, names);
  if (!near.empty()) return fmt::format("did you mean '{}'?", near);
  return "'scanflow get -A' shows what there is";
}

}  // namespace

json to_json(const ApplyRequest& request) {
  json texts = json::array();
  for (const auto& each : request.texts)
    texts.push_back({{"file", each.file}, {"text", each.text}});
  return {{"texts", std::move(texts)},
          {"namespace", request.name_space},
          {"dry_run", request.dry_run},
          {"plugin_dirs", request.plugin_dirs}};
}

ApplyRequest apply_request_from_json(const json& document) {
  ApplyRequest request;
  for (const json& each : document.at("texts"))
    request.texts.push_back({each.at("file"), each.at("text")});
  request.name_space = document.value("namespace", "");
  request.dry_run = document.value("dry_run", false);
  request.plugin_dirs = document.value("plugin_dirs", request.plugin_dirs);
  return request;
}

json to_json(const std::vector<store::DocumentName>& names) {
  json list = json::array();
  for (const store::DocumentName& each : names) {
    list.push_back({{"kind", each.kind},
                    {"namespace", each.name_space},
                    {"name", each.name},
                    {"version", each.version ? json(*each.version) : json()}});
  }
  return list;
}

std::vector<store::DocumentName> document_names_from_json(const json& document) {
  std::vector<store::DocumentName> names;
  for (const json& each : document) {
    store::DocumentName& name = names.emplace_back(
        store::DocumentName{each.at("kind"), each.at("namespace"), each.at("name"), {}});
    const json& version = each.at("version");
    if (version.is_null()) continue;
    const auto number = version.get<std::int64_t>();
    if (!version.is_number_integer() || number < 1 ||
        number > std::numeric_limits<std::uint32_t>::max())
      throw json::type_error::create(302, "a version is a whole number from 1 on", &version);
    name.version = static_cast<std::uint32_t>(number);
  }
  return names;
}

json to_json(const store::Document& document) {
  return {{"kind", document.kind},
          {"namespace", document.name_space},
          {"name", document.name},
          {"version", document.version},
          {"labels", document.labels.empty() ? json::object() : json::parse(document.labels)},
          {"digest", document.digest},
          {"file", document.file},
          {"created_us", document.created_us},
          {"source", document.source}};
}

store::Document document_from_json(const json& document) {
  const json labels = document.value("labels", json::object());
  return {.kind = document.at("kind"),
          .name_space = document.at("namespace"),
          .name = document.at("name"),
          .version = document.at("version"),
          .digest = document.value("digest", ""),
          .source = document.value("source", ""),
          .file = document.value("file", ""),
          .labels = labels.empty() ? "" : labels.dump(),
          .created_us = document.value("created_us", std::int64_t{0})};
}

std::string identity(const store::DocumentName& name) {
  return to_text(pipeline::Reference{name.name_space, name.name, name.version});
}

std::string identity(const store::Document& document) {
  return to_text(pipeline::Reference{document.name_space, document.name, document.version});
}

std::string Change::outcome() const {
  if (!before) return "created";
  return before->source == document.text ? "unchanged" : "configured";
}

Result<std::vector<Change>> plan_changes(const store::Store* store, const loader::Catalog& catalog,
                                         const std::vector<pipeline::SourceText>& texts,
                                         const std::string& name_space) {
  if (!name_space.empty() && !pipeline::is_label(name_space)) {
    return fail(fmt::format("'{}' is not the name of a namespace: {}",
                            pipeline::printable(name_space), pipeline::kLabelRule));
  }
  pipeline::Documents documents =
      pipeline::read_documents(texts, catalog, find_registered_only(store), name_space);
  if (documents.errors > 0) {
    return fail(fmt::format("{}{} error{}; nothing was applied", documents.rendered,
                            documents.errors, documents.errors == 1 ? "" : "s"));
  }
  std::vector<Change> changes;
  for (pipeline::Document& document : documents.all) {
    Change& change = changes.emplace_back();
    if (store != nullptr) {
      auto before = store->document(document.kind, document.name_space, document.name);
      if (!before) return tl::unexpected(before.error());
      change.before = std::move(*before);
    }
    change.document = std::move(document);
  }
  const auto refused = refused_changes(store, changes);
  if (!refused) return tl::unexpected(refused.error());
  if (!refused->empty()) return fail(pipeline::render_refusals(*refused, "nothing was applied"));
  return changes;
}

json planned(const std::vector<Change>& changes) {
  json list = json::array();
  for (const Change& change : changes) {
    const std::string outcome = change.outcome();
    list.push_back(described(change.document, outcome,
                             outcome == "unchanged" ? json(change.before->version) : json()));
  }
  return json{{"documents", std::move(list)}};
}

Result<json> make_changes(store::Store& store, const std::vector<Change>& changes) {
  std::vector<store::Document> rows;
  rows.reserve(changes.size());
  const std::int64_t now_us = wall_us();
  for (const Change& change : changes) rows.push_back(row_of(change.document, now_us));
  const auto applied = store.apply_all(std::move(rows));
  if (!applied) return tl::unexpected(applied.error());
  json list = json::array();
  for (std::size_t i = 0; i < applied->size(); ++i) {
    const store::Applied& one = (*applied)[i];
    list.push_back(described(changes[i].document, outcome_of(one), one.version));
  }
  return json{{"documents", std::move(list)}};
}

Result<json> apply_documents(store::Store& store, const loader::Catalog& catalog,
                             const ApplyRequest& request) {
  const auto changes = plan_changes(&store, catalog, request.texts, request.name_space);
  if (!changes) return tl::unexpected(changes.error());
  return request.dry_run ? planned(*changes) : make_changes(store, *changes);
}

Result<void> check_documents(const store::Store& store,
                             const std::vector<store::DocumentName>& names) {
  std::string missing;
  for (const store::DocumentName& name : names) {
    const auto found = find_document(&store, name);
    if (!found) missing += (missing.empty() ? "" : "\n") + found.error().message;
  }
  if (!missing.empty()) return fail(missing + "\nnothing was deleted");
  return {};
}

Result<json> remove_documents(store::Store& store, const std::vector<store::DocumentName>& names) {
  const auto removed = store.remove_all(names);
  if (!removed) return tl::unexpected(removed.error());
  json list = to_json(names);
  for (std::size_t i = 0; i < names.size(); ++i) list[i]["versions"] = (*removed)[i];
  return json{{"documents", std::move(list)}};
}

Error not_there(const store::Store* store, const store::DocumentName& name) {
  return {fmt::format("no {} '{}' is registered; {}", pipeline::kind_word(name.kind),
                      identity(name), otherwise(store, name))};
}

FindDocument find_in(const store::Store* store) {
  return [store](const store::DocumentName& name) { return find_document(store, name); };
}

Result<store::Document> find_document(const store::Store* store, const store::DocumentName& name) {
  if (store == nullptr) return tl::unexpected(not_there(store, name));
  auto found = store->document(name.kind, name.name_space, name.name, name.version);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return tl::unexpected(not_there(store, name));
  return std::move(**found);
}

}  // namespace scanflow::runtime
