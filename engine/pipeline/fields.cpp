#include "engine/pipeline/fields.hpp"

#include <fmt/format.h>

#include <vector>

#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

constexpr bool kRequired = true;
constexpr bool kOptional = false;
constexpr bool kLater = true;

constexpr Field later(std::string_view name) {
  return {name, kAny, "comes with a later version", {}, kOptional, kLater};
}

constexpr std::array kFile{
    Field{"apiVersion", kText, "scanflow.dev/v1", {}, kRequired},
    Field{"kind", kText, "Pipeline", {}, kRequired},
    Field{"metadata", kMap, "name, namespace, labels", {}, kRequired},
    Field{"params", kMap, "typed parameters, by name"},
    Field{"defaults", kMap, "fields that every step has unless it says otherwise"},
    Field{"steps", kList, "what runs, in the order of its needs", {}, kRequired},
    Field{"on_success", kList, "steps that run after every main step has succeeded"},
    Field{"on_failure", kList, "steps that run after a main step has failed"},
    Field{"on_exit", kList, "steps that run in the end, whatever happened"},
    Field{"max_parallel", kInt, "attempts at once, at most"},
    Field{"timeout", kScalar, "how long the main steps may take together", "duration"},
    Field{"fail_fast", kBool, "true: the first failure stops what runs"},
    Field{"priority", kInt, "-100 to 100: runs with a higher one start their steps first"},
    Field{"concurrency", kMap, "runs at once; group, max, policy"},
    Field{"outputs", kMap, "what a run gives, by name; may hold expressions over its steps"},
    later("schedule"),
    later("services"),
    later("retain"),
};

constexpr std::array kMetadata{
    Field{"name", kText, "the pipeline's name", "label", kRequired},
    Field{"namespace", kText, "whose it is; default: default", "label"},
    Field{"labels", kMap, "text by name, to find runs by"},
    Field{"annotations", kMap, "text by name, for tools"},
    Field{"description", kText, "what it does, for people"},
};

constexpr std::array kParam{
    Field{"type", kText, "string, int, float, bool, list, object or artifact"},
    Field{"default", kAny, "its value where none is given; without it one must be given"},
    Field{"min", kNumber, "the least value (int, float)"},
    Field{"max", kNumber, "the largest value (int, float)"},
    Field{"enum", kList, "the values that are allowed"},
    Field{"description", kText, "what it is for"},
};

// The fields that `defaults` has too come last.
constexpr std::array kStep{
    Field{"name", kText, "its name within the pipeline", "label", kRequired},
    Field{"needs", kText | kList, "the steps that must be done before"},
    Field{"pipeline", kText, "another pipeline to run: a file, or NAMESPACE/NAME@VERSION"},
    Field{"uses", kText, "a step plugin's id, 'command' or 'noop'"},
    Field{"run", kText, "a script: short for uses: command with it"},
    Field{"shell", kText, "what runs the script; default: bash"},
    Field{"cwd", kText, "the directory that the script or command runs in"},
    Field{"with", kMap, "the plugin's configuration and inputs"},
    Field{"matrix", kMap, "axes: the step runs once for each combination of their values"},
    Field{"for_each", kText | kList, "a list known at run time: the step runs once for each item"},
    Field{"max_parallel", kInt, "instances at once, at most (matrix, for_each)"},
    Field{"approve", kText | kBool | kMap, "a person is asked first; message, timeout, default"},
    Field{"when", kText, "runs only if this is true", "expression"},
    Field{"env", kMap, "environment variables"},
    Field{"retry", kInt | kMap, "attempts beyond the first; limit, backoff, on"},
    Field{"timeout", kScalar, "how long an attempt may take", "duration"},
    Field{"cache", kBool | kMap, "reuse the result of an equal step; max_age"},
    Field{"resources", kMap, "requests and limits of cpu and memory"},
    Field{"allow_failure", kBool, "true: the run goes on, and does not fail because of it"},
    Field{"priority", kInt, "-100 to 100: those with a higher one start first"},
    Field{"pool", kText | kMap, "a limit that runs share: its name, or name and limit"},
    Field{"description", kText, "what it does, for people"},
    later("image"),
    later("command"),
    later("args"),
    later("secrets"),
    later("replicas"),
    later("placement"),
    later("sidecar"),
    later("reuse"),
};

constexpr std::array kRetry{
    Field{"limit", kInt, "attempts beyond the first"},
    Field{"backoff", kMap, "how long to wait before the next"},
    Field{"on", kText | kList, "the causes that are retried"},
};

constexpr std::array kBackoff{
    Field{"initial", kScalar, "before the second attempt", "duration"},
    Field{"factor", kNumber, "by which the wait grows"},
    Field{"max", kScalar, "the longest wait", "duration"},
    Field{"jitter", kNumber, "0 to 1: the part of the wait that is drawn by chance"},
};

constexpr std::array kCache{
    Field{"max_age", kScalar, "older results are not reused", "duration"},
};

constexpr std::array kResources{
    Field{"requests", kMap, "what is set aside for an attempt"},
    Field{"limits", kMap, "what an attempt may not exceed"},
};

constexpr std::array kApprove{
    Field{"message", kText, "what the person is asked; may hold expressions"},
    Field{"timeout", kScalar, "how long to wait; default: for ever", "duration"},
    Field{"default", kText, "what holds after the timeout: approve or reject (default)"},
};

constexpr std::array kConcurrency{
    Field{"group", kText, "runs of one group count together; default: the pipeline's name"},
    Field{"max", kInt, "runs at once; default 1"},
    Field{"policy", kText, "for one run more: queue (default), cancel_running or reject"},
};

constexpr std::array kPool{
    Field{"name", kText, "the pool's name", "label", kRequired},
    Field{"limit", kInt, "attempts of the pool at once, in all runs; default 1"},
};

constexpr std::array kAmount{
    Field{"cpu", kScalar, "processors", "cpu"},
    Field{"memory", kScalar, "bytes, with units", "bytes"},
};

std::string describe_types(const Field& field) {
  std::vector<std::string> names;
  if (field.format == "duration") return "a duration (500ms, 10m, 1h30m)";
  if (field.format == "bytes") return "a size (512Mi, 1.5G)";
  if (field.format == "cpu") return "a number of CPUs (2, 0.5, 500m)";
  if (field.format == "expression") return "an expression (\"${{ ... }}\")";
  if ((field.types & kText) != 0) names.emplace_back("text");
  if ((field.types & kInt) != 0) names.emplace_back("a whole number");
  if ((field.types & kNumber) != 0) names.emplace_back("a number");
  if ((field.types & kBool) != 0) names.emplace_back("true or false");
  if ((field.types & kScalar) != 0) names.emplace_back("a single value");
  if ((field.types & kMap) != 0) names.emplace_back("a map");
  if ((field.types & kList) != 0) names.emplace_back("a list");
  return join_or(names);
}

bool fits(const Field& field, const Node& node) {
  if (field.types == kAny) return true;
  if (node.is_map()) return (field.types & kMap) != 0;
  if (node.is_list()) return (field.types & kList) != 0;
  if ((field.types & kScalar) != 0) return true;
  const auto value = scalar_value(node);
  if (!value) return false;
  if (value->is_string()) return (field.types & kText) != 0;
  if (value->is_number_integer()) return (field.types & (kInt | kNumber)) != 0;
  if (value->is_number()) return (field.types & kNumber) != 0;
  return value->is_boolean() && (field.types & kBool) != 0;
}

/// Within { }: "description: this, that" is two keys.
bool follows_comma(const Source& source, const Node& key) {
  const std::string_view before = source.text().substr(0, source.offset(key.at));
  const std::size_t last = before.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && before[last] == ',';
}

}  // namespace

std::span<const Field> file_fields() { return kFile; }
std::span<const Field> metadata_fields() { return kMetadata; }
std::span<const Field> param_fields() { return kParam; }
std::span<const Field> step_fields() { return kStep; }
std::span<const Field> default_fields() { return std::span(kStep).subspan(3); }
std::span<const Field> retry_fields() { return kRetry; }
std::span<const Field> backoff_fields() { return kBackoff; }
std::span<const Field> cache_fields() { return kCache; }
std::span<const Field> resources_fields() { return kResources; }
std::span<const Field> amount_fields() { return kAmount; }
std::span<const Field> approve_fields() { return kApprove; }
std::span<const Field> pool_fields() { return kPool; }
std::span<const Field> concurrency_fields() { return kConcurrency; }

std::string describe_value(const Node& node) {
  if (!node.is_scalar()) return std::string(describe(node.kind));
  const auto value = scalar_value(node);
  if (!value || value->is_number()) return fmt::format("the number {}", node.text);
  if (value->is_string()) return fmt::format("the text '{}'", printable(node.text));
  return printable(node.text);
}

MapReader::MapReader(const Node& map, std::span<const Field> table, std::string_view what,
                     Problems& problems)
    : map_(map), table_(table), problems_(problems) {
  if (!map.is_map()) {
    problems.add(map, fmt::format("{} must be a map, not {}", what, describe_value(map)));
    return;
  }
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i]->is_scalar()) take(*map.items[i], *map.items[i + 1], what);
  }
  for (const Field& field : table) {
    const Node* value = map.find(field.name);
    if (!field.required || (value != nullptr && !value->is_null())) continue;
    problems.add(map.at, 1, fmt::format("{} has no '{}'", what, field.name)).hint =
        fmt::format("add '{}': {}", field.name, field.doc);
  }
}

void MapReader::take(const Node& key, const Node& value, std::string_view what) {
  std::size_t i = 0;
  while (i < table_.size() && table_[i].name != key.text) ++i;
  if (i == table_.size()) return report_unknown(key, value, what);
  const Field& field = table_[i];
  if (field.later) {
    problems_
        .add(key, fmt::format("'{}' is known but not available in this version yet", field.name))
        .hint = field.name == "command" || field.name == "args"
                    ? "for a program on this machine: 'run', or 'uses: command'"
                    : "remove it";
    return;
  }
  if (value.is_null()) return;
  if (fits(field, value)) {
    if (values_[i] == nullptr) values_[i] = &value;
    return;
  }
  Diagnostic& problem =
      problems_.add(value, fmt::format("'{}' must be {}, not {}", field.name, describe_types(field),
                                       describe_value(value)));
  if (value.is_scalar() && value.plain && (field.types & kText) != 0) {
    const std::string text = printable(value.text);
    problem.hint = field.format == "expression" ? fmt::format("write \"${{{{ {} }}}}\"", text)
                                                : fmt::format("put it into quotes: \"{}\"", text);
  }
}

void MapReader::report_unknown(const Node& key, const Node& value, std::string_view what) {
  if (key.text == "<<") {
    problems_.add(key, "merge keys ('<<') are not part of YAML 1.2").hint =
        "use 'defaults', or write the fields out";
    return;
  }
  std::vector<std::string> names;
  for (const Field& field : table_) names.emplace_back(field.name);
  const std::string near = nearest(key.text, names);
  Diagnostic& problem =
      problems_.add(key, fmt::format("unknown field '{}' of {}", printable(key.text), what));
  if (!near.empty()) {
    problem.hint = fmt::format("did you mean '{}'?", near);
    return;
  }
  if (value.is_null() && follows_comma(problems_.source(), key)) {
    problem.hint = "within { } a comma ends a text: put the whole text into quotes";
    return;
  }
  names.clear();
  for (const Field& field : table_) {
    if (!field.later) names.emplace_back(field.name);
  }
  problem.notes.push_back(fmt::format("{} has: {}", what, join_or(names, "and")));
}

const Node* MapReader::get(std::string_view name) const {
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].name == name) return values_[i];
  }
  return nullptr;
}

}  // namespace scanflow::pipeline
