// Plans for tests of what consumes them: from YAML text, or put together.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/plan.hpp"

namespace scanflow::support {

/// A step, said in one line: `Def("train").needs({"load"}).retry(2, 1s).timeout(1min)`.
class Def {
 public:
  explicit Def(std::string name) {
    step_.name = std::move(name);
    step_.uses = "noop";
    step_.retry.backoff.jitter = 0;
  }
  Def& needs(std::vector<std::string> names) { return step_.needs = std::move(names), *this; }
  Def& retry(std::uint32_t limit, std::chrono::microseconds initial = std::chrono::seconds(1)) {
    step_.retry.limit = limit;
    step_.retry.backoff.initial_us = initial.count();
    return *this;
  }
  Def& timeout(std::chrono::microseconds limit) { return step_.timeout_us = limit.count(), *this; }
  Def& when(std::string text) { return step_.when = std::move(text), *this; }
  Def& phase(pipeline::Phase phase) { return step_.phase = phase, *this; }
  pipeline::Step& spec() { return step_; }
  const pipeline::Step& spec() const { return step_; }

 private:
  pipeline::Step step_;
};

/// From the part of a pipeline that matters: `steps`, handlers, `max_parallel` ..., indented as the
/// test likes. Only `noop` and `command` exist. Waits have no jitter unless the text says it.
/// Throws with the rendered errors.
std::shared_ptr<const pipeline::Plan> plan_of(const std::string& yaml);

/// One planned step per definition, in this order; needs by name.
std::shared_ptr<const pipeline::Plan> plan_of(const std::vector<Def>& steps,
                                              std::uint32_t max_parallel = 0);

}  // namespace scanflow::support
