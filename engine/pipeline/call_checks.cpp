#include "engine/pipeline/call_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/expression.hpp"
#include "engine/pipeline/params.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {

void check_call(const StepDraft& draft, const Pipeline& called, Problems& problems) {
  std::vector<std::string> names;
  for (const Param& param : called.params) names.push_back(param.name);
  for (const auto& entry : draft.with) {
    const Node* key = entry.first;
    const Node* value = entry.second;
    const auto param = std::find_if(called.params.begin(), called.params.end(),
                                    [&](const Param& each) { return each.name == key->text; });
    if (param == called.params.end()) {
      const std::string near = nearest(key->text, names);
      problems
          .add(*key, fmt::format("the pipeline '{}' has no parameter '{}'", called.name,
                                 printable(key->text)))
          .hint = !near.empty()   ? fmt::format("did you mean '{}'?", near)
                  : names.empty() ? "it has none"
                                  : fmt::format("it has {}", join_or(names, "and"));
      continue;
    }
    const json& given = draft.step.with.at(key->text);
    if (is_dynamic(given)) continue;
    if (const auto bound = bind_value(*param, given); !bound) {
      problems.add(*value, bound.error().message);
    }
  }
  for (const Param& param : called.params) {
    if (param.default_value || draft.step.with.contains(param.name)) continue;
    problems
        .add(*draft.call,
             fmt::format("the pipeline '{}' needs the parameter '{}'", called.name, param.name))
        .hint = fmt::format("with: {{{}: ...}}", param.name);
  }
}

}  // namespace scanflow::pipeline
