#include "engine/pipeline/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/pipeline/constants.hpp"
#include "engine/pipeline/expression.hpp"
#include "engine/pipeline/params.hpp"
#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kMostSteps = 200'000;
constexpr std::size_t kMostEdges = 10'000'000;

/// Keeps an identity readable in both directions: `train[model=a\,b]`.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '=' || c == '[' || c == ']' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string item_text(const json& value) {
  return escape(value.is_string() ? value.get_ref<const std::string&>() : value.dump());
}

class Planner {
 public:
  Planner(std::shared_ptr<const Pipeline> pipeline, const json* recorded) : recorded_(recorded) {
    plan_.pipeline = std::move(pipeline);
  }

  Result<Plan> run(const json& given) {
    auto params = bind_params(plan_.pipeline->params, given.is_null() ? json::object() : given);
    if (!params) return tl::unexpected(std::move(params.error()));
    plan_.params = *std::move(params);
    if (recorded_ == nullptr) {
      auto tried = try_constants();
      if (!tried) return tl::unexpected(std::move(tried.error()));
    }
    if (auto grouped = find_group(); !grouped) return tl::unexpected(std::move(grouped.error()));
    const auto& steps = plan_.pipeline->steps;
    first_.reserve(steps.size() + 1);
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      first_.push_back(static_cast<std::uint32_t>(plan_.steps.size()));
      auto done = expand(i);
      if (!done) return tl::unexpected(std::move(done.error()));
    }
    first_.push_back(static_cast<std::uint32_t>(plan_.steps.size()));
    auto done = connect();
    if (!done) return tl::unexpected(std::move(done.error()));
    return std::move(plan_);
  }

 private:
  Result<void> try_constants() const {
    std::string text;
    for (const std::string& problem : constant_problems(*plan_.pipeline, plan_.params)) {
      text += (text.empty() ? "" : "\n") + problem;
    }
    if (!text.empty()) return fail(std::move(text));
    return {};
  }

  Result<void> find_group() {
    const std::string& group = plan_.pipeline->concurrency.group;
    if (recorded_ != nullptr) {
      plan_.group = recorded_->value("group", "");
    } else if (!group.empty()) {
      Scope scope;
      scope.params = plan_.params;
      auto name = evaluate(group, scope);
      if (!name) {
        return fail(
            fmt::format("{}: concurrency.group: {}", plan_.pipeline->file, name.error().message));
      }
      plan_.group = name->is_string() ? name->get<std::string>() : name->dump();
    }
    return {};
  }

  Result<void> too_many() const {
    return fail(fmt::format("{}: more than {} steps, matrices expanded; make a matrix smaller",
                            plan_.pipeline->file, kMostSteps));
  }

  std::string where(const Step& step, const Axis& axis) const {
    return fmt::format("{}:{}:{}: matrix.{} of '{}'", plan_.pipeline->file, axis.at.line,
                       axis.at.column, axis.name, step.name);
  }

  Result<json> axis_values(const Step& step, const Axis& axis) {
    if (axis.values.is_array()) return axis.values;
    json values;
    if (recorded_ != nullptr) {
      values = recorded_->value(json::json_pointer("/axes/" + step.name + "/" + axis.name), json());
      if (!values.is_array()) return fail(where(step, axis) + ": not among the recorded axes");
    } else {
      Scope scope;
      scope.params = plan_.params;
      auto done = evaluate(axis.values, scope);
      if (!done) return fail(fmt::format("{}: {}", where(step, axis), done.error().message));
      values = *std::move(done);
    }
    if (!values.is_array()) {
      return fail(fmt::format("{}: {} is not a list", where(step, axis), printable(values.dump())));
    }
    if (values.empty()) return fail(where(step, axis) + ": the list is empty: nothing would run");
    for (const json& value : values) {
      if (!value.is_primitive() || value.is_null()) {
        return fail(fmt::format("{}: {} is neither text nor a number nor a bool", where(step, axis),
                                printable(value.dump())));
      }
    }
    plan_.axes[step.name][axis.name] = values;
    return values;
  }

  Result<void> expand(std::uint32_t index) {
    const Step& step = plan_.pipeline->steps[index];
    if (step.matrix.empty()) {
      plan_.steps.push_back({step.name, index, nullptr});
      return plan_.steps.size() > kMostSteps ? too_many() : Result<void>();
    }
    std::vector<json> axes;
    std::size_t count = 1;
    for (const Axis& axis : step.matrix) {
      auto values = axis_values(step, axis);
      if (!values) return tl::unexpected(std::move(values.error()));
      count *= values->size();
      if (plan_.steps.size() + count > kMostSteps) return too_many();
      axes.push_back(*std::move(values));
    }
    std::vector<json> combinations;
    for (std::size_t n = 0; n < count; ++n) {
      json combination = nth(step, axes, n);
      const bool excluded = std::any_of(
          step.exclude.begin(), step.exclude.end(),
          [&](const json& pattern) { return agrees(combination, pattern, step.matrix); });
      if (!excluded) combinations.push_back(std::move(combination));
    }
    if (auto included = include(step, combinations); !included) return included;
    if (combinations.empty()) {
      return fail(where(step, step.matrix[0]) + ": 'exclude' leaves nothing to run");
    }
    std::unordered_set<std::string> seen;
    for (json& combination : combinations) {
      PlannedStep planned{identity(step, combination), index, std::move(combination)};
      if (!seen.insert(planned.id).second) {
        return fail(fmt::format("{}: two instances would both be {}; remove the repeated value",
                                where(step, step.matrix[0]), planned.id));
      }
      plan_.steps.push_back(std::move(planned));
    }
    return plan_.steps.size() > kMostSteps ? too_many() : Result<void>();
  }

  /// Have all axes that the pattern names the values it says?
  static bool agrees(const json& combination, const json& pattern, const std::vector<Axis>& axes) {
    return std::all_of(axes.begin(), axes.end(), [&](const Axis& axis) {
      const auto wanted = pattern.find(axis.name);
      return wanted == pattern.end() || *wanted == combination.at(axis.name);
    });
  }

  /// Further values go to the combinations that agree; where none does, it is one more.
  Result<void> include(const Step& step, std::vector<json>& combinations) const {
    const std::size_t made = combinations.size();
    for (const json& extra : step.include) {
      bool found = false;
      for (std::size_t i = 0; i < made; ++i) {
        if (!agrees(combinations[i], extra, step.matrix)) continue;
        combinations[i].update(extra);
        found = true;
      }
      if (found) continue;
      for (const Axis& axis : step.matrix) {
        if (extra.contains(axis.name)) continue;
        return fail(
            fmt::format("{}: matrix.include has {}, which agrees with no combination and "
                        "is none of its own without a value for '{}'",
                        where(step, axis), extra.dump(), axis.name));
      }
      combinations.push_back(extra);
    }
    return {};
  }

  /// The n-th combination; the last axis turns fastest.
  static json nth(const Step& step, const std::vector<json>& axes, std::size_t n) {
    json combination = json::object();
    for (std::size_t i = axes.size(); i-- > 0;) {
      combination[step.matrix[i].name] = axes[i][n % axes[i].size()];
      n /= axes[i].size();
    }
    return combination;
  }

  static std::string identity(const Step& step, const json& combination) {
    std::string id = step.name + "[";
    for (std::size_t i = 0; i < step.matrix.size(); ++i) {
      const std::string& axis = step.matrix[i].name;
      id += (i > 0 ? "," : "") + axis + "=" + item_text(combination.at(axis));
    }
    return id + ']';
  }

  /// A need is one on all instances of the step.
  Result<void> connect() {
    const auto& steps = plan_.pipeline->steps;
    std::unordered_map<std::string_view, std::uint32_t> by_name;
    for (std::uint32_t i = 0; i < steps.size(); ++i) by_name.emplace(steps[i].name, i);
    std::vector<std::vector<graph::Node>> needs(plan_.steps.size());
    std::size_t edges = 0;
    for (std::uint32_t n = 0; n < plan_.steps.size(); ++n) {
      const Step& step = steps[plan_.steps[n].spec];
      for (const std::string& need : step.needs) {
        const auto found = by_name.find(need);
        if (found == by_name.end()) {
          return fail(fmt::format("the step '{}' needs '{}', which is not there", step.name, need));
        }
        const std::uint32_t begin = first_[found->second], end = first_[found->second + 1];
        edges += end - begin;
        if (edges > kMostEdges) {
          return fail(
              fmt::format("'{}' needs '{}': more than {} dependencies between instances; "
                          "put a step 'uses: noop' between the two",
                          step.name, need, kMostEdges));
        }
        for (std::uint32_t instance = begin; instance < end; ++instance) {
          needs[n].push_back(instance);
        }
      }
    }
    plan_.graph = graph::Graph::build(needs);
    if (!graph::find_cycle(plan_.graph).empty())
      return fail("the steps need each other in a circle");
    return {};
  }

  const json* recorded_;
  Plan plan_;
  std::vector<std::uint32_t> first_;  // per spec: its first instance; one more at the end
};

}  // namespace

Result<Plan> make_plan(std::shared_ptr<const Pipeline> pipeline, const json& given,
                       const json* recorded) {
  return Planner(std::move(pipeline), recorded).run(given);
}

}  // namespace scanflow::pipeline
