#include "engine/pipeline/reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/call_checks.hpp"
#include "engine/pipeline/expression_checks.hpp"
#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/metadata_reader.hpp"
#include "engine/pipeline/params.hpp"
#include "engine/pipeline/plugin_checks.hpp"
#include "engine/pipeline/policy_reader.hpp"
#include "engine/pipeline/root_reader.hpp"
#include "engine/pipeline/schedule_reader.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/pipeline/step_reader.hpp"
#include "engine/pipeline/step_table.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kMostStepsRead = 200'000;
constexpr std::size_t kDeepestCalls = 16;

/// An error's first line says why; what follows are the errors of that file.
Result<std::shared_ptr<const Pipeline>> read_called(const std::string& call, const Calling& from,
                                                    const Reading& reading);

/// Its first lines: errors of calls within calls would grow without bound.
std::string lines_within(std::string text) {
  constexpr std::size_t kMost = 4000;  // bytes
  if (text.size() <= kMost) return text;
  text.erase(text.rfind('\n', kMost) + 1);
  return text + "...";
}

class Reader {
 public:
  Reader(const Node& root, const Reading& reading, Problems& problems)
      : root_(root), reading_(reading), problems_(problems) {}

  Pipeline run() {
    const MapReader map(root_, pipeline_fields(), problems_);
    Metadata metadata = read_metadata(map, reading_, "pipeline", problems_);
    out_.name = std::move(metadata.name);
    out_.name_space = std::move(metadata.name_space);
    out_.labels = std::move(metadata.labels);
    if (const Node* params = map.get("params")) out_.params = read_params(*params, problems_);
    if (const Node* limit = map.get("max_parallel")) {
      out_.max_parallel = static_cast<std::uint32_t>(number_of(*limit));
    }
    if (const Node* timeout = map.get("timeout")) out_.timeout_us = duration_of(*timeout);
    if (const Node* priority = map.get("priority")) {
      out_.priority = static_cast<std::int32_t>(number_of(*priority));
    }
    if (const Node* fail_fast = map.get("fail_fast")) out_.fail_fast = is_true(*fail_fast);
    std::optional<MapReader> defaults;
    if (const Node* node = map.get("defaults")) {
      defaults.emplace(*node, default_fields(), problems_);
    }
    const MapReader* base = defaults ? &*defaults : nullptr;
    read_steps(map.get("steps"), Phase::main, base);
    read_steps(map.get("on_success"), Phase::on_success, base);
    read_steps(map.get("on_failure"), Phase::on_failure, base);
    read_steps(map.get("on_exit"), Phase::on_exit, base);
    if (const Node* concurrency = map.get("concurrency")) read_concurrency(*concurrency);
    if (const Node* retain = map.get("retain")) read_retain(*retain);
    if (const Node* when = map.get("schedule")) read_schedule(*when, out_, problems_);
    if (const Node* outputs = map.get("outputs")) read_outputs(*outputs);
    if (const Node* services = map.get("services")) check_services(*services, reading_, problems_);
    check_steps();
    for (StepDraft& draft : drafts_) out_.steps.push_back(std::move(draft.step));
    return std::move(out_);
  }

 private:
  void read_concurrency(const Node& node) {
    const MapReader map(node, concurrency_fields(), problems_);
    Concurrency& out = out_.concurrency;
    const Node* group = map.get("group");
    out.group = group != nullptr ? group->text : out_.name_space + "/" + out_.name;
    if (group != nullptr && has_expression(group->text)) {
      sites_.push_back({group, ExpressionSite::Role::group});
    }
    if (const Node* max = map.get("max")) out.max = static_cast<std::uint32_t>(number_of(*max));
    if (const Node* policy = map.get("policy")) {
      if (policy->text == "cancel_running") out.policy = Concurrency::Policy::cancel_running;
      if (policy->text == "reject") out.policy = Concurrency::Policy::reject;
    }
  }

  void read_retain(const Node& node) {
    const MapReader map(node, retain_fields(), problems_);
    const Node* runs = map.get("runs");
    const Node* age = map.get("age");
    if (runs != nullptr) out_.retain.runs = static_cast<std::uint32_t>(number_of(*runs));
    if (age != nullptr) out_.retain.age_us = duration_of(*age);
    if (map.has("runs") || map.has("age")) return;
    problems_.add(node, "'retain' says neither how many runs are kept nor how long").hint =
        "retain: {runs: 20}, or {age: 30d}, or both";
  }

  void read_outputs(const Node& node) {
    for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
      const Node& key = *node.items[i];
      const Node& value = *node.items[i + 1];
      if (!key.is_scalar()) continue;
      if (!is_identifier(key.text)) {
        problems_.add(key, fmt::format("'{}' is not an output's name", printable(key.text))).hint =
            "letters, digits and '_', not beginning with a digit";
      }
      out_.outputs[key.text] = to_json(value, problems_);
      find_expressions(value, ExpressionSite::Role::outputs, sites_);
    }
  }

  void read_steps(const Node* list, Phase phase, const MapReader* defaults) {
    if (list == nullptr) return;
    for (const Node* node : list->items) {
      drafts_.push_back(read_step(*node, defaults, phase, problems_));
      count_instances(drafts_.back());
    }
  }

  /// Axes that are expressions are counted when they are known.
  void count_instances(const StepDraft& draft) {
    std::size_t instances = 1;
    for (const Axis& axis : draft.step.matrix) {
      if (axis.values.is_array()) instances *= std::max<std::size_t>(axis.values.size(), 1);
      instances = std::min(instances, kMostStepsRead + 1);
    }
    const bool over = instances_ <= kMostStepsRead && instances_ + instances > kMostStepsRead;
    instances_ = std::min(instances_ + instances, kMostStepsRead + 1);
    if (over) {
      problems_
          .add(draft.step.at, 1,
               fmt::format("more than {} steps, matrices expanded", kMostStepsRead))
          .hint = "split the pipeline, or make a matrix smaller";
    }
  }

  void check_steps() {
    const StepTable table = make_table(drafts_, problems_);
    std::vector<const loader::PluginInfo*> plugins;
    plugins.reserve(drafts_.size());
    for (const StepDraft& draft : drafts_) {
      if (draft.call != nullptr) {
        read_call(draft);
        plugins.push_back(nullptr);
        continue;
      }
      plugins.push_back(find_plugin(draft, reading_.catalog, problems_));
      if (plugins.back() != nullptr) check_with(draft, *plugins.back(), problems_);
    }
    check_expressions({drafts_, sites_, table, out_, plugins}, problems_);
  }

  void read_call(const StepDraft& draft) {
    auto called =
        read_called(draft.step.call, {problems_.source().file(), out_.name_space}, reading_);
    if (!called) {
      Diagnostic& problem = problems_.add(
          *draft.call, fmt::format("the pipeline '{}' cannot be called: {}",
                                   printable(draft.step.call), called.error().message));
      const std::size_t more = problem.message.find('\n');
      if (more == std::string::npos) return;
      problem.notes.push_back(lines_within(problem.message.substr(more + 1)));
      problem.message.erase(more);
      return;
    }
    check_call(draft, **called, problems_);
    out_.call_depth = std::max(out_.call_depth, (*called)->call_depth + 1);
    out_.calls[draft.step.call] = std::move(*called);
  }

  const Node& root_;
  const Reading& reading_;
  Problems& problems_;
  std::vector<ExpressionSite> sites_;  // of no step
  Pipeline out_;
  std::vector<StepDraft> drafts_;
  std::size_t instances_ = 0;
};

std::string kind_of(const Node& root) {
  const Node* kind = root.find("kind");
  return kind != nullptr && kind->is_scalar() ? kind->text : "no kind";
}

/// The one document of the file, if it is a pipeline.
const Node* choose_root(const YamlDocument& document, Problems& problems) {
  std::vector<const Node*> roots;
  std::copy_if(document.roots.begin(), document.roots.end(), std::back_inserter(roots),
               [](const Node* root) { return !root->is_null(); });
  if (roots.empty()) {
    problems.add({1, 1}, 1, "the file is empty: there is no pipeline in it").hint =
        "begin with apiVersion: scanflow.dev/v1, kind: Pipeline";
    return nullptr;
  }
  if (roots.size() > 1) {
    std::vector<std::string> kinds;
    for (const Node* root : roots) {
      if (kinds.size() < 10) kinds.push_back(printable(kind_of(*root)));
    }
    problems
        .add(roots[1]->at, 1,
             fmt::format("{} documents in one file ({}), where one Pipeline is meant", roots.size(),
                         join_or(kinds, "and")))
        .hint = "'scanflow apply -f' registers all of them; then 'scanflow run NAME'";
    return nullptr;
  }
  const Node& root = *roots[0];
  if (!root.is_map()) {
    problems
        .add(root,
             fmt::format("not a pipeline: the file holds {}, not a map", describe_value(root)))
        .hint = "begin with apiVersion: scanflow.dev/v1, kind: Pipeline";
    return nullptr;
  }
  const Node* kind = root.find("kind");
  if (kind == nullptr || !kind->is_scalar() || !meant_kind(*kind, problems).empty()) return &root;
  return nullptr;
}

ReadResult read(const std::string& file, const std::string& text, const Reading& reading) {
  const Source source(file, text);
  Problems problems(source);
  ReadResult result;
  const YamlDocument document = parse_yaml(source, problems);
  const Node* root = nullptr;
  if (!document.roots.empty() || problems.empty()) root = choose_root(document, problems);
  if (root != nullptr) {
    auto pipeline = std::make_shared<Pipeline>(read_root(*root, reading, problems));
    pipeline->source = text;
    if (problems.empty()) result.pipeline = std::move(pipeline);
  }
  result.errors = problems.take();
  return result;
}

/// The ids from where `id` was met before, or of all callers.
std::string way_to(const std::string& id, const std::vector<std::string>& callers) {
  auto at = std::find(callers.begin(), callers.end(), id);
  std::string way;
  for (at = at == callers.end() ? callers.begin() : at; at != callers.end(); ++at)
    way += *at + " -> ";
  return way + id;
}

Result<std::shared_ptr<const Pipeline>> read_anew(const SourceText& source,
                                                  const Reading& reading) {
  ReadResult result = read(source.file, source.text, reading);
  if (result.pipeline) return std::move(result.pipeline);
  return fail(fmt::format("{} has {} error{}\n{}", source.file, result.errors.size(),
                          result.errors.size() == 1 ? "" : "s",
                          render(result.errors, source.text)));
}

Result<std::shared_ptr<const Pipeline>> read_called(const std::string& call, const Calling& from,
                                                    const Reading& reading) {
  if (!reading.find) return fail("here no other pipeline can be read");
  auto source = reading.find(call, from);
  if (!source) return tl::unexpected(source.error());
  const std::string& id = source->id.empty() ? source->file : source->id;
  const auto& callers = reading.callers;
  if (std::find(callers.begin(), callers.end(), id) != callers.end())
    return fail("they call each other in a circle: " + way_to(id, callers));
  Reading deeper = reading;
  deeper.callers.push_back(id);
  deeper.name_space = source->name_space.empty() ? from.name_space : source->name_space;
  deeper.only = false;
  const std::string key = id + "\n" + deeper.name_space;
  auto known = reading.known->find(key);
  if (known == reading.known->end() && callers.size() < kDeepestCalls)
    known = reading.known->emplace(key, read_anew(*source, deeper)).first;
  if (known == reading.known->end() ||
      (known->second && callers.size() + (*known->second)->call_depth >= kDeepestCalls)) {
    return fail(fmt::format("calls nest deeper than {}: {}", kDeepestCalls, way_to(id, callers)));
  }
  return known->second;
}

}  // namespace

std::string meant_kind(const Node& kind, Problems& problems) {
  std::vector<std::string> known;
  for (const DocumentKind& each : document_kinds()) {
    known.emplace_back(each.name);
    if (each.name == kind.text) return kind.text;
  }
  std::string near = nearest(kind.text, known);
  if (near.empty()) {
    problems.add(kind, fmt::format("unknown kind '{}'", printable(kind.text))).hint =
        fmt::format("there is {}", join_or(known, "and"));
  }
  return near;
}

Pipeline read_root(const Node& root, const Reading& reading, Problems& problems) {
  Pipeline pipeline = Reader(root, reading, problems).run();
  pipeline.file = problems.source().file();
  return pipeline;
}

ReadResult read_pipeline(const std::string& file, const std::string& text,
                         const loader::Catalog& catalog, const FindPipeline& find,
                         const std::string& name_space) {
  Reading reading{catalog, find, {file}};
  reading.only = !name_space.empty();
  if (reading.only) reading.name_space = name_space;
  return read(file, text, reading);
}

Result<json> read_yaml_value(const std::string& file, const std::string& text) {
  const Source source(file, text);
  Problems problems(source);
  const YamlDocument document = parse_yaml(source, problems);
  json value = json::object();
  if (document.roots.size() > 1) {
    problems.add(document.roots[1]->at, 1, "more than one document").hint = "keep the first";
  } else if (!document.roots.empty()) {
    value = to_json(*document.roots[0], problems);
  }
  if (!problems.empty()) return fail(render(problems.take(), text));
  return value;
}

}  // namespace scanflow::pipeline
