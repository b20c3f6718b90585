// scanflow get, scanflow delete
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/follow.hpp"
#include "engine/cli/registry.hpp"
#include "engine/cli/registry_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/pipeline/fields.hpp"
#include "engine/runtime/document_files.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

struct Selection {
  std::string kind = "Pipeline";
  std::vector<pipeline::Reference> names;  // empty: all that the labels select
};

/// A kind's name, in whatever letters, one or several: pipeline, Pipelines. Nothing: no kind.
Result<std::optional<std::string>> parse_kind(std::string_view word) {
  std::string wanted = kind_word(word);
  if (wanted.ends_with('s')) wanted.pop_back();
  for (const pipeline::DocumentKind& kind : pipeline::document_kinds()) {
    if (kind_word(kind.name) != wanted) continue;
    if (kind.table != nullptr) return std::string(kind.name);
    return fail(
        fmt::format("the kind '{}' is known but not available in this version yet", kind.name));
  }
  return std::nullopt;
}

/// "pipeline", "pipeline/train", "pipeline a b", "mnist/train@3".
Result<Selection> parse_selection(const std::vector<std::string>& what) {
  Selection selection;
  for (std::size_t i = 0; i < what.size(); ++i) {
    std::string_view text = what[i];
    const std::size_t slash = text.find('/');
    const auto kind = parse_kind(text.substr(0, slash));
    if (!kind) return tl::unexpected(kind.error());
    if (*kind) selection.kind = **kind;
    if (*kind && slash == std::string_view::npos) {
      if (i == 0) continue;
      return fail(fmt::format("'{}' is a kind: name one kind, and that first", text));
    }
    auto reference = pipeline::parse_reference(*kind ? text.substr(slash + 1) : text);
    if (!reference) return tl::unexpected(reference.error());
    selection.names.push_back(std::move(*reference));
  }
  return selection;
}

/// "pipline" may be meant as a kind.
std::string meant_kind(const std::string& name) {
  std::vector<std::string> kinds;
  for (const pipeline::DocumentKind& kind : pipeline::document_kinds()) {
    if (kind.table == nullptr) continue;
    kinds.push_back(kind_word(kind.name));
    kinds.push_back(kinds.back() + "s");
  }
  const std::string near = nearest(name, kinds);
  return near.empty() ? "" : fmt::format(" (or is the kind '{}' meant?)", near);
}

/// Without versions that were not said.
Result<std::vector<store::DocumentName>> names_of(const SelectOptions& options,
                                                  const store::Store* registry) {
  auto selection = parse_selection(options.what);
  if (!selection) return tl::unexpected(selection.error());
  const auto labels = LabelSelector::parse(options.labels);
  if (!labels) return fail("-l: " + labels.error().message);
  if (!options.name_space.empty() && options.all_namespaces)
    return fail("-n names one namespace, and -A means all: leave one out");
  const std::string name_space = options.name_space.empty() ? "default" : options.name_space;
  std::vector<store::DocumentName> names;
  for (pipeline::Reference& each : selection->names) {
    if (!labels->empty()) return fail("give names, or labels (-l)");
    if (options.all_namespaces) return fail("a name is in one namespace: -A is for lists");
    if (!each.name_space.empty() && !options.name_space.empty() &&
        each.name_space != options.name_space) {
      return fail(fmt::format("'{}' is in the namespace '{}', and -n says '{}': leave one out",
                              to_text(each), each.name_space, options.name_space));
    }
    if (each.name_space.empty()) each.name_space = name_space;
    store::DocumentName name{selection->kind, each.name_space, each.name, each.version};
    if (auto found = runtime::find_document(registry, name); !found)
      return fail(found.error().message + meant_kind(name.name));
    names.push_back(std::move(name));
  }
  if (!selection->names.empty() || registry == nullptr) return names;
  const auto entries = registry->documents(
      selection->kind, options.all_namespaces ? std::nullopt : std::optional(name_space), *labels);
  if (!entries) return tl::unexpected(entries.error());
  for (const store::DocumentEntry& entry : *entries)
    names.push_back({selection->kind, entry.newest.name_space, entry.newest.name, {}});
  return names;
}

json labels_of(const store::Document& document) {
  return document.labels.empty() ? json::object() : json::parse(document.labels);
}

json described(const store::Document& document) {
  return {{"kind", document.kind},         {"namespace", document.name_space},
          {"name", document.name},         {"version", document.version},
          {"labels", labels_of(document)}, {"digest", document.digest},
          {"file", document.file},         {"created_us", document.created_us},
          {"source", document.source}};
}

std::string label_words(const store::Document& document) {
  std::string words;
  const json labels = labels_of(document);
  for (const auto& [name, value] : labels.items())
    words += fmt::format("{}{}={}", words.empty() ? "" : ",", name, value.get<std::string>());
  return printable(words);
}

std::string table_of(const std::vector<store::Document>& documents, bool versions) {
  const std::int64_t now = wall_us();
  std::vector<std::vector<std::string>> rows;
  rows.reserve(documents.size());
  for (const store::Document& each : documents) {
    rows.push_back({each.name_space, each.name, std::to_string(each.version),
                    format_age(each.created_us, now),
                    versions ? printable(each.file) : label_words(each)});
  }
  return table({"NAMESPACE", "NAME", "VERSION", "AGE", versions ? "FILE" : "LABELS"}, rows,
               static_cast<std::size_t>(terminal_width(STDOUT_FILENO)), {2});
}

/// The newest version of each, or the one that is named; or all of the one.
Result<std::vector<store::Document>> read(const store::Store& registry,
                                          const std::vector<store::DocumentName>& names,
                                          bool versions) {
  if (versions) return registry.versions(names[0].kind, names[0].name_space, names[0].name);
  std::vector<store::Document> documents;
  for (const store::DocumentName& name : names) {
    auto found = registry.document(name.kind, name.name_space, name.name, name.version);
    if (!found) return tl::unexpected(found.error());
    if (*found) documents.push_back(std::move(**found));  // else it was deleted a moment ago
  }
  return documents;
}

/// What to say where a list is empty.
std::string nothing(const SelectOptions& options, const store::Store* registry) {
  const auto all =
      registry != nullptr ? registry->documents() : std::vector<store::DocumentEntry>();
  const std::size_t elsewhere = all ? all->size() : 0;
  if (elsewhere == 0) return "nothing is registered yet ('scanflow apply -f' does it)";
  return fmt::format(
      "no such document{}; {} in all namespaces ('scanflow get -A' shows them)",
      options.all_namespaces
          ? ""
          : " in the namespace " + (options.name_space.empty() ? "default" : options.name_space),
      elsewhere);
}

}  // namespace

int get(const Context& context, const SelectOptions& options, bool versions, Show show) {
  const auto registry = open_registry(context);
  if (!registry) return complain(context, kEngine, registry.error().message);
  const auto names = names_of(options, registry->get());
  if (!names) return complain(context, kUsage, names.error().message);
  if (versions && (names->size() != 1 || options.what.empty()))
    return complain(context, kUsage, "--versions is of one document: name it");
  std::vector<store::Document> documents;
  if (!names->empty()) {
    auto found = read(**registry, *names, versions);
    if (!found) return complain(context, kEngine, found.error().message);
    documents = std::move(*found);
  }
  if (context.json) {
    json list = json::array();
    for (const store::Document& each : documents) list.push_back(described(each));
    fmt::print("{}\n", list.dump());
  } else if (show == Show::yaml) {
    for (std::size_t i = 0; i < documents.size(); ++i)
      fmt::print("{}{}", i > 0 ? "---\n" : "", documents[i].source);
  } else if (documents.empty()) {
    fmt::print("{}\n", nothing(options, registry->get()));
  } else {
    fmt::print("{}", table_of(documents, versions));
  }
  return kSucceeded;
}

namespace {

Result<std::vector<store::DocumentName>> names_in_files(const FilesOptions& options) {
  const auto texts = runtime::read_document_files(options.files, options.recursive);
  if (!texts) return tl::unexpected(texts.error());
  const pipeline::Documents documents = pipeline::read_names(*texts, options.name_space);
  if (documents.errors > 0) return fail(documents.rendered + "nothing was deleted");
  std::vector<store::DocumentName> names;
  for (const pipeline::Document& each : documents.all)
    names.push_back({each.kind, each.name_space, each.name, {}});
  return names;
}

Result<std::vector<store::DocumentName>> names_to_delete(const SelectOptions& options,
                                                         const FilesOptions& files,
                                                         const store::Store* registry) {
  if (!files.files.empty()) {
    if (options.what.empty() && options.labels.empty() && !options.all_namespaces)
      return names_in_files(files);
    return fail("delete what files name (-f), or what you name here, not both");
  }
  const auto selection = parse_selection(options.what);
  if (!selection) return tl::unexpected(selection.error());
  if (selection->names.empty() && options.labels.empty())
    return fail("delete what? KIND/NAME, -f FILE, or KIND -l LABELS");
  return names_of(options, registry);
}

}  // namespace

int remove(const Context& context, const SelectOptions& options, const FilesOptions& files) {
  if (const int refused = refuse_server(context, "delete where the server is"); refused != 0)
    return refused;
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  auto registry = open_registry(context);
  if (!registry) return complain(context, kEngine, registry.error().message);
  const auto names = names_to_delete(options, files, registry->get());
  if (!names) return complain(context, kUsage, names.error().message);
  if (names->empty() && !context.json) fmt::print("{}\n", nothing(options, registry->get()));
  registry = nullptr;  // else the database's log would outlive the engine's store
  json documents = json::array();
  if (!names->empty()) {
    int exit = kEngine;
    const auto done = ask_any_engine(
        context, *state, {{"op", "remove_documents"}, {"names", runtime::to_json(*names)}}, &exit);
    if (!done) return complain(context, static_cast<Exit>(exit), done.error().message);
    documents = done->at("documents");
  }
  if (context.json) {
    fmt::print("{}\n", documents.dump());
    return kSucceeded;
  }
  for (const json& each : documents) {
    const json& version = each.at("version");
    const int versions = each.at("versions");
    fmt::print("{} {}/{}{} deleted", kind_word(each.at("kind").get<std::string>()),
               each.at("namespace").get<std::string>(), each.at("name").get<std::string>(),
               version.is_null() ? "" : "@" + version.dump());
    fmt::print("{}\n", versions == 1 ? "" : fmt::format(" ({} versions)", versions));
  }
  return kSucceeded;
}

}  // namespace scanflow::cli
