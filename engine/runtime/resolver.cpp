#include "engine/runtime/resolver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/pipeline/expression.hpp"
#include "engine/track/registered_models.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

/// Words of `command` that are the program itself, not its parameters.
bool is_program_field(const std::string& key) {
  return key == "argv" || key == "run" || key == "shell" || key == "cwd";
}

/// As expressions give it, whole: an output that only looks a little like one is a value.
bool is_artifact(const json& value) {
  const auto text = [&](const char* name) {
    return value.contains(name) && value.at(name).is_string();
  };
  return value.is_object() && text("artifact") && text("path") && text("sha256") &&
         value.value("bytes", json(0)).is_number_integer() &&
         value.value("directory", json(false)).is_boolean();
}

json view_to_json(const StepView& view) {
  json outputs = json::object();
  json artifacts = json::object();
  if (view.result) {
    outputs = view.result->value("outputs", outputs);
    artifacts = view.result->value("artifacts", artifacts);
    for (auto artifact = artifacts.begin(); artifact != artifacts.end(); ++artifact) {
      (*artifact)["artifact"] = artifact.key();
    }
  }
  return {{"outputs", std::move(outputs)}, {"artifacts", std::move(artifacts)},
          {"status", view.status},         {"seconds", view.seconds},
          {"matrix", view.matrix},         {"item", view.item}};
}

/// Is what expressions see of it a list?
bool is_list(const pipeline::Step& step) {
  return !step.matrix.empty() || !step.for_each.is_null();
}

pipeline::Scope scope_of(const ResolveJob& job) {
  pipeline::Scope scope;
  scope.params = job.plan->params;
  scope.matrix = job.planned.matrix;
  scope.item = job.planned.item;
  scope.run = job.run;
  scope.env = job.env;
  scope.metrics = job.metrics;
  scope.step = [&job](const std::string& name) -> json {
    const auto& steps = job.plan->pipeline->steps;
    const auto spec = std::find_if(steps.begin(), steps.end(),
                                   [&](const pipeline::Step& step) { return step.name == name; });
    const auto found = job.views.find(name);
    if (spec == steps.end() || found == job.views.end()) return nullptr;
    if (!is_list(*spec)) return view_to_json(found->second.front());
    json instances = json::array();
    for (const StepView& view : found->second) instances.push_back(view_to_json(view));
    return instances;
  };
  return scope;
}

/// What the result depends on. Paths are not part of it: the digests of the inputs are.
std::string cache_key(const pipeline::Step& step, const loader::PluginInfo& plugin,
                      const json& bound, const json& env) {
  json inputs = json::object();
  for (const auto& [name, artifact] : bound.at("inputs").items())
    inputs[name] = artifact.at("sha256");
  json depends = {{"uses", step.uses},
                  {"version", plugin.version},
                  {"library", plugin.library_sha256},
                  {"config", bound.at("config")},
                  {"inputs", std::move(inputs)},
                  {"env", env},
                  {"threads", step.resources.threads()}};
  // Where it comes from, not what it is: a new token makes no new result.
  for (const auto& [name, secret] : step.secrets)
    depends["secrets"][name] = secret.name.empty()
                                   ? json{{"env", secret.env}, {"file", secret.file}}
                                   : json{{"name", secret.name}, {"key", secret.key}};
  if (!step.image.empty()) depends["image"] = step.image;
  if (step.replicas > 1) depends["replicas"] = step.replicas;
  return sha256_hex(depends.dump());
}

Event make(EventType type, const ResolveJob& job, json data) {
  Event event;
  event.type = type;
  event.step = job.step;
  if (!data.is_null()) event.data = std::make_shared<const json>(std::move(data));
  return event;
}

/// What a name that is not there is taken for: nil, or null. The message does not say which outputs
/// there are.
std::string outputs_hint(const ResolveJob& job, const std::string& message) {
  if (message.find("nil") == std::string::npos && message.find("null") == std::string::npos)
    return {};
  std::string hint;
  for (const auto& [name, views] : job.views) {
    if (views.empty() || !views.front().result) continue;
    std::string names;
    const json outputs = views.front().result->value("outputs", json::object());
    for (const auto& output : outputs.items()) names += (names.empty() ? "" : ", ") + output.key();
    hint += fmt::format("\n{} has the outputs: {}", name, names.empty() ? "none" : names);
  }
  return hint;
}

/// `what`: of a field of the step, which begins at that line.
Event config_error(const ResolveJob& job, const std::string& what) {
  const pipeline::Step& step = job.spec();
  const std::string message = fmt::format("{}:{}:{}: {}{}", job.plan->pipeline->file, step.at.line,
                                          step.at.column, what, outputs_hint(job, what));
  Event event = make(EventType::step_failed, job, {{"message", message}});
  event.cause = pipeline::Cause::config;
  return event;
}

std::optional<Event> look_into_cache(const ResolveJob& job, const std::string& key,
                                     const store::Store& store, const store::Artifacts& artifacts) {
  const auto row = store.cached(key);
  if (!row || !row->has_value()) return std::nullopt;  // unreadable: as if it were not there
  const std::int64_t max_age = job.spec().cache.max_age_us;
  if (max_age > 0 && wall_us() - (*row)->time_us > max_age) return std::nullopt;
  const json outputs = json::parse((*row)->outputs, nullptr, false);
  const json files = json::parse((*row)->artifacts, nullptr, false);
  if (outputs.is_discarded() || files.is_discarded()) return std::nullopt;
  for (const auto& [name, file] : files.items()) {
    const std::string sha256 = file.at("sha256");
    const bool directory = file.value("directory", false);
    if (!(job.look_only ? artifacts.has(sha256, directory) : artifacts.touch(sha256, directory)))
      return std::nullopt;
  }
  return make(EventType::step_cached, job,
              {{"outputs", outputs},
               {"artifacts", files},
               {"from", (*row)->run},
               {"step", (*row)->step},
               {"time_us", (*row)->time_us}});
}

}  // namespace

Result<json> bind(const pipeline::Step& step, const loader::PluginInfo& plugin, json with) {
  json inputs = json::object();
  const bool is_command = plugin.library.empty() && step.uses == "command";
  static const json kNone = json::object();
  const auto properties = plugin.input_schema.find("properties");
  const json& known = properties == plugin.input_schema.end() ? kNone : *properties;
  for (auto at = with.begin(); at != with.end();) {
    const bool taken =
        is_command ? is_artifact(*at) && !is_program_field(at.key()) : known.contains(at.key());
    if (!taken) {
      ++at;
      continue;
    }
    if (is_artifact(*at)) {
      inputs[at.key()] = *at;
    } else if (!at->is_null()) {
      return fail(fmt::format(
          "with.{}: is an input and must be an artifact, as "
          "${{{{ steps.NAME.artifacts.NAME }}}} gives it, or models:/NAME@ALIAS; it is {}",
          at.key(), at->dump().substr(0, 80)));
    }
    at = with.erase(at);
  }
  const auto needed = plugin.input_schema.find("required");
  for (const json& required : needed == plugin.input_schema.end() ? kNone : *needed) {
    if (!inputs.contains(required.get<std::string>())) {
      return fail(fmt::format(
          "with.{}: the input is missing (its artifact is null: did the step that should make "
          "it run?)",
          required.get<std::string>()));
    }
  }
  const auto problems = loader::validate(plugin.config_schema, with);
  if (!problems.empty()) {
    std::string text;
    for (const auto& problem : problems) {
      if (!text.empty()) text += "\n";
      std::string field = problem.pointer;
      for (char& c : field) c = c == '/' ? '.' : c;
      text += fmt::format("with{}: {} (schema of {})", field, problem.message, plugin.id);
    }
    return fail(text);
  }
  return json{{"config", std::move(with)}, {"inputs", std::move(inputs)}};
}

namespace {

constexpr std::size_t kMostItems = 10'000;
constexpr std::size_t kMostOutputBytes = 1 << 20;

std::string with_article(const std::string& type) {
  return (type == "object" ? "an " : "a ") + type;
}

/// The items of a for_each; nothing runs where there are none.
Event expand(const ResolveJob& job, pipeline::Evaluator& evaluator, const pipeline::Scope& scope) {
  auto items = evaluator.evaluate(job.spec().for_each, scope);
  if (!items) return config_error(job, "for_each: " + items.error().message);
  if (!items->is_array()) {
    const json& written = job.spec().for_each;
    const std::string is =
        items->is_null()
            ? "null"
            : fmt::format("{}: {}", with_article(items->type_name()), items->dump().substr(0, 80));
    return config_error(job,
                        fmt::format("for_each: needs a list, and {} is {}",
                                    written.is_string() ? written.get<std::string>() : "this", is));
  }
  if (items->size() > kMostItems) {
    return config_error(
        job, fmt::format("for_each: {} items are more than {}; let each stand for several",
                         items->size(), kMostItems));
  }
  if (items->empty()) {
    return make(EventType::step_skipped, job, {{"message", "its for_each gave an empty list"}});
  }
  return make(EventType::step_expanded, job, {{"items", std::move(*items)}});
}

}  // namespace

/// Inputs that name a registered model (models:/NAME@ALIAS) become that version's files: which version that is now is
/// recorded with the step.
Result<void> find_models(const loader::PluginInfo& plugin, json& with, const store::Store* store,
                         const store::Artifacts& artifacts) {
  const json inputs = plugin.input_schema.value("properties", json::object());
  for (auto at = with.begin(); at != with.end(); ++at) {
    if (!at->is_string() || !inputs.contains(at.key())) continue;
    const std::string reference = *at;
    if (!track::is_registered(reference)) continue;
    const auto found = track::find_registered(store, artifacts, reference);
    if (!found) return fail(fmt::format("with.{}: {}", at.key(), found.error().message));
    *at = {{"artifact", at.key()},
           {"path", found->path},
           {"sha256", found->sha256},
           {"bytes", found->bytes},
           {"directory", found->directory},
           {"model", fmt::format("{} (version {})", reference, found->version)}};
  }
  return {};
}

Event resolve(const ResolveJob& job, const store::Store* store, const store::Artifacts& artifacts) {
  const pipeline::Step& step = job.spec();
  const pipeline::Scope scope = scope_of(job);
  pipeline::Evaluator evaluator;
  // Of a for_each asked once for all items, or of each, where it looks at them.
  const bool by_item = !step.for_each.is_null() && pipeline::refers_to(step.when, "item");
  if (!step.when.empty() && (step.for_each.is_null() || by_item != job.expand)) {
    const auto wanted = evaluator.condition(step.when, scope);
    if (!wanted) return config_error(job, "when: " + wanted.error().message);
    if (!*wanted)
      return make(EventType::step_skipped, job, {{"message", "its `when` is false: " + step.when}});
  }
  if (job.expand) return expand(job, evaluator, scope);
  json with = json::object();
  for (const auto& [key, value] : step.with.items()) {
    auto evaluated = evaluator.evaluate(value, scope);
    if (!evaluated)
      return config_error(job, fmt::format("with.{}: {}", key, evaluated.error().message));
    with[key] = std::move(*evaluated);
  }
  json env = json::object();
  for (const auto& [key, value] : step.env) {
    auto evaluated = evaluator.evaluate(value, scope);
    if (!evaluated)
      return config_error(job, fmt::format("env.{}: {}", key, evaluated.error().message));
    env[key] = evaluated->is_string() ? evaluated->get<std::string>() : evaluated->dump();
  }
  json data = json::object();
  if (step.uses == "pipeline") {
    data["config"] = std::move(with);
    data["inputs"] = json::object();
  } else if (job.plugin != nullptr) {
    if (const auto found = find_models(*job.plugin, with, store, artifacts); !found)
      return config_error(job, found.error().message);
    auto bound = bind(step, *job.plugin, std::move(with));
    if (!bound) return config_error(job, bound.error().message);
    data = std::move(*bound);
  }
  if (step.approve.wanted) {
    auto message = evaluator.evaluate(step.approve.message, scope);
    if (!message) return config_error(job, "approve.message: " + message.error().message);
    data["message"] = message->is_string() ? *message : json(message->dump());
  }
  if (step.cache.enabled && job.plugin != nullptr) {
    const std::string key = cache_key(step, *job.plugin, data, env);
    if (job.use_cache && store != nullptr) {
      if (auto hit = look_into_cache(job, key, *store, artifacts)) return *hit;
    }
    data["cache_key"] = key;
  }
  data["env"] = std::move(env);
  return make(EventType::step_resolved, job, std::move(data));
}

Result<json> evaluate(const ResolveJob& job, const json& value) {
  return pipeline::Evaluator().evaluate(value, scope_of(job));
}

Event conclude(const ResolveJob& job) {
  const pipeline::Scope scope = scope_of(job);
  pipeline::Evaluator evaluator;
  json outputs = json::object(), artifacts = json::object();
  const auto failed = [&](const std::string& name, const std::string& why) {
    Event event =
        make(EventType::run_concluded, job,
             {{"message", fmt::format("outputs.{}: {}{}", name, why, outputs_hint(job, why))}});
    event.cause = pipeline::Cause::config;
    return event;
  };
  for (const auto& [name, value] : job.plan->pipeline->outputs.items()) {
    auto evaluated = evaluator.evaluate(value, scope);
    if (!evaluated) return failed(name, evaluated.error().message);
    const bool file = is_artifact(*evaluated);
    if (file) evaluated->erase("artifact");
    (file ? artifacts : outputs)[name] = std::move(*evaluated);
  }
  if (const std::size_t size = outputs.dump().size(); size > kMostOutputBytes) {
    return failed("", fmt::format("{} bytes are over the limit of 1 MiB; hand them over in an "
                                  "artifact",
                                  size));
  }
  return make(EventType::run_concluded, job,
              {{"outputs", std::move(outputs)}, {"artifacts", std::move(artifacts)}});
}

namespace {

/// Collects the names of steps in the expressions of values.
class References {
 public:
  explicit References(const pipeline::Pipeline& pipeline) {
    for (const pipeline::Step& step : pipeline.steps) names_.insert(step.name);
  }
  void look(const json& value) {
    if (value.is_string()) {
      (void)pipeline::check_expression(value.get_ref<const std::string&>(), names_, &used_);
    } else if (value.is_structured()) {
      for (const json& item : value) look(item);
    }
  }
  std::vector<std::string> used() const { return {used_.begin(), used_.end()}; }

 private:
  std::set<std::string> names_, used_;
};

/// What of a step may hold expressions that are evaluated as it becomes ready.
template <class Use>
void each_value(const pipeline::Step& step, const Use& use) {
  use(step.with);
  use(step.when);
  use(step.for_each);
  use(step.approve.message);
  for (const auto& [key, value] : step.env) use(value);
}

bool asks_metrics(const json& value) {
  if (value.is_string()) return pipeline::refers_to(value.get_ref<const std::string&>(), "metrics");
  return value.is_structured() && std::any_of(value.begin(), value.end(), [](const json& element) {
           return asks_metrics(element);
         });
}

}  // namespace

bool asks_metrics(const pipeline::Step& step) {
  bool asks = false;
  each_value(step, [&](const json& value) { asks = asks || asks_metrics(value); });
  return asks;
}

std::vector<std::string> references(const pipeline::Pipeline& pipeline,
                                    const pipeline::Step& step) {
  References references(pipeline);
  each_value(step, [&](const json& value) { references.look(value); });
  return references.used();
}

std::vector<std::string> references_of_outputs(const pipeline::Pipeline& pipeline) {
  References references(pipeline);
  references.look(pipeline.outputs);
  return references.used();
}

}  // namespace scanflow::runtime
