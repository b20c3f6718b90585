// scanflow get, scanflow delete
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

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

using Documents = api::Answer<std::vector<store::Document>>;

struct Selection {
  std::string kind = "Pipeline";
  std::vector<pipeline::Reference> names;  // empty: all that the labels select
};

/// "pipeline", "pipeline/train", "pipeline a b", "mnist/train@3".
Result<Selection> parse_selection(const std::vector<std::string>& what) {
  Selection selection;
  for (std::size_t i = 0; i < what.size(); ++i) {
    std::string_view text = what[i];
    const std::size_t slash = text.find('/');
    const auto kind = pipeline::parse_kind(text.substr(0, slash));
    if (kind) selection.kind = *kind;
    if (kind && slash == std::string_view::npos) {
      if (i == 0) continue;
      return fail(fmt::format("'{}' is a kind: name one kind, and that first", text));
    }
    auto reference = pipeline::parse_reference(kind ? text.substr(slash + 1) : text);
    if (!reference) return tl::unexpected(reference.error());
    selection.names.push_back(std::move(*reference));
  }
  return selection;
}

/// "pipline" may be meant as a kind.
std::string meant_kind(const std::string& name) {
  std::vector<std::string> kinds;
  for (const pipeline::DocumentKind& kind : pipeline::document_kinds()) {
    kinds.push_back(pipeline::kind_word(kind.name));
    kinds.push_back(kinds.back() + "s");
  }
  const std::string near = nearest(name, kinds);
  return near.empty() ? "" : fmt::format(" (or is the kind '{}' meant?)", near);
}

std::string namespace_of(const SelectOptions& options) {
  return options.name_space.empty() ? "default" : options.name_space;
}

/// The names are complete then. Every error is one of usage.
Result<Selection> select(const SelectOptions& options) {
  auto selection = parse_selection(options.what);
  if (!selection) return selection;
  const auto labels = LabelSelector::parse(options.labels);
  if (!labels) return fail("-l: " + labels.error().message);
  if (!options.name_space.empty() && options.all_namespaces)
    return fail("-n names one namespace, and -A means all: leave one out");
  for (pipeline::Reference& each : selection->names) {
    if (!labels->empty()) return fail("give names, or labels (-l)");
    if (options.all_namespaces) return fail("a name is in one namespace: -A is for lists");
    if (!each.name_space.empty() && !options.name_space.empty() &&
        each.name_space != options.name_space) {
      return fail(fmt::format("'{}' is in the namespace '{}', and -n says '{}': leave one out",
                              to_text(each), each.name_space, options.name_space));
    }
    if (each.name_space.empty()) each.name_space = namespace_of(options);
  }
  return selection;
}

/// Those that are named, each as it is now or in the version that is said; else all that the labels
/// select. `sources`: lists have them too.
Documents find(api::Documents& registry, const SelectOptions& options, const Selection& selection,
               bool sources) {
  if (selection.names.empty()) {
    return registry.list({selection.kind, options.all_namespaces ? "" : namespace_of(options),
                          options.labels, sources});
  }
  std::vector<store::Document> documents;
  for (const pipeline::Reference& each : selection.names) {
    auto found = registry.find({selection.kind, each.name_space, each.name, each.version});
    if (!found) {
      api::Failure failure = found.error();
      if (failure.status == 404) failure.message += meant_kind(each.name);
      return tl::unexpected(std::move(failure));
    }
    documents.push_back(std::move(*found));
  }
  return documents;
}

std::string label_words(const store::Document& document) {
  std::string words;
  const json labels = runtime::to_json(document).at("labels");
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

/// What to say where a list is empty.
std::string nothing(api::Documents& registry, const SelectOptions& options) {
  const auto all = registry.list({.sources = false});
  const std::size_t elsewhere = all ? all->size() : 0;
  if (elsewhere == 0) return "nothing is registered yet ('scanflow apply -f' does it)";
  return fmt::format("no such document{}; {} in all namespaces ('scanflow get -A' shows them)",
                     options.all_namespaces ? "" : " in the namespace " + namespace_of(options),
                     elsewhere);
}

}  // namespace

int get(const Context& context, const SelectOptions& options, bool versions, Show show) {
  const auto selection = select(options);
  if (!selection) return complain(context, kUsage, selection.error().message);
  if (versions && selection->names.size() != 1)
    return complain(context, kUsage, "--versions is of one document: name it");
  const auto registry = open_registry(context);
  if (!registry) return complain(context, registry.error());
  const bool sources = context.json || show == Show::yaml;
  auto documents = find(**registry, options, *selection, sources);
  if (documents && versions) {
    const store::Document& one = documents->front();
    documents = (*registry)->versions({one.kind, one.name_space, one.name, {}});
  }
  if (!documents) return complain(context, documents.error());
  if (context.json) {
    json list = json::array();
    for (const store::Document& each : *documents) list.push_back(runtime::to_json(each));
    fmt::print("{}\n", list.dump());
  } else if (show == Show::yaml) {
    for (std::size_t i = 0; i < documents->size(); ++i)
      fmt::print("{}{}", i > 0 ? "---\n" : "", (*documents)[i].source);
  } else if (documents->empty()) {
    fmt::print("{}\n", nothing(**registry, options));
  } else {
    fmt::print("{}", table_of(*documents, versions));
  }
  return kSucceeded;
}

namespace {

using Names = api::Answer<std::vector<store::DocumentName>>;

Names names_in_files(const FilesOptions& options) {
  const auto texts = runtime::read_document_files(options.files, options.recursive);
  if (!texts) return api::wrong(texts.error().message);
  const pipeline::Documents documents = pipeline::read_names(*texts, options.name_space);
  if (documents.errors > 0) return api::wrong(documents.rendered + "nothing was deleted");
  std::vector<store::DocumentName> names;
  for (const pipeline::Document& each : documents.all)
    names.push_back({each.kind, each.name_space, each.name, {}});
  return names;
}

/// Without versions that were not said.
Names names_to_delete(api::Documents& registry, const SelectOptions& options,
                      const FilesOptions& files) {
  if (!files.files.empty()) {
    if (options.what.empty() && options.labels.empty() && !options.all_namespaces)
      return names_in_files(files);
    return api::wrong("delete what files name (-f), or what you name here, not both");
  }
  const auto selection = select(options);
  if (!selection) return api::wrong(selection.error().message);
  if (selection->names.empty() && options.labels.empty())
    return api::wrong("delete what? KIND/NAME, -f FILE, or KIND -l LABELS");
  const auto documents = find(registry, options, *selection, false);
  if (!documents) return tl::unexpected(documents.error());
  std::vector<store::DocumentName> names;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    const store::Document& each = (*documents)[i];
    names.push_back({each.kind, each.name_space, each.name, {}});
    if (!selection->names.empty()) names.back().version = selection->names[i].version;
  }
  return names;
}

}  // namespace

int remove(const Context& context, const SelectOptions& options, const FilesOptions& files) {
  const auto registry = open_registry(context);
  if (!registry) return complain(context, registry.error());
  const auto names = names_to_delete(**registry, options, files);
  if (!names) return complain(context, names.error());
  json documents = json::array();
  if (!names->empty()) {
    auto removed = (*registry)->remove(*names);
    if (!removed) return complain(context, removed.error());
    documents = std::move(*removed);
  } else if (!context.json) {
    fmt::print("{}\n", nothing(**registry, options));
  }
  if (context.json) {
    fmt::print("{}\n", documents.dump());
    return kSucceeded;
  }
  for (const json& each : documents) {
    const json& version = each.at("version");
    const int versions = each.at("versions");
    fmt::print("{} {}/{}{} deleted", pipeline::kind_word(each.at("kind").get<std::string>()),
               each.at("namespace").get<std::string>(), each.at("name").get<std::string>(),
               version.is_null() ? "" : "@" + version.dump());
    fmt::print("{}\n", versions == 1 ? "" : fmt::format(" ({} versions)", versions));
  }
  return kSucceeded;
}

}  // namespace scanflow::cli
