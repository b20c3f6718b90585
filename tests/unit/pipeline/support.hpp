// What the pipeline tests share: a catalog with the plugins of a digit classifier, and short ways
// from YAML text to a spec, its errors, or a plan.
#pragma once

#include <memory>
#include <string>

#include "engine/pipeline/plan.hpp"
#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline::test {

/// mnist.load, torch.train, torch.evaluate, model.register, report.html, and the trigger
/// every.minute, described but not there; beside noop and command.
const loader::Catalog& catalog();

/// A file around what a test is about: `body` has params, steps ... from column 1.
std::string pipeline_text(const std::string& body);

/// The spec; fails the test with the rendered errors where there are any.
std::shared_ptr<const Pipeline> read(const std::string& body);

/// The rendered errors; "" where there are none.
std::string errors(const std::string& body);

/// A plan with parameters; fails the test where there is none.
Plan plan(const std::string& body, const json& given = json::object());

/// The message of a plan that cannot be made.
std::string plan_error(const std::string& body, const json& given = json::object());

}  // namespace scanflow::pipeline::test
