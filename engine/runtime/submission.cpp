#include "engine/runtime/submission.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>

#include "engine/pipeline/reader.hpp"

namespace scanflow::runtime {

json to_json(const RunOptions& options) {
  return {{"backend", options.backend},         {"jobs", options.jobs},
          {"use_cache", options.use_cache},     {"directory", options.directory},
          {"plugin_dirs", options.plugin_dirs}, {"env", options.env}};
}

RunOptions run_options_from_json(const json& document) {
  RunOptions options;
  options.backend = document.value("backend", options.backend);
  options.jobs = document.value("jobs", options.jobs);
  options.use_cache = document.value("use_cache", options.use_cache);
  options.directory = document.value("directory", options.directory);
  options.plugin_dirs = document.value("plugin_dirs", options.plugin_dirs);
  options.env = document.value("env", options.env);
  return options;
}

json to_json(const Submission& submission) {
  return {{"run", submission.run},
          {"file", submission.file},
          {"source", submission.source},
          {"params", submission.params},
          {"options", to_json(submission.options)}};
}

Submission submission_from_json(const json& document) {
  return {document.at("run"), document.at("file"), document.at("source"), document.at("params"),
          run_options_from_json(document.at("options"))};
}

namespace {

Result<void> fits_backend(const pipeline::Pipeline& pipeline, const std::string& backend) {
  if (backend != "inproc") return {};
  for (const pipeline::Step& step : pipeline.steps) {
    if (step.uses != "command") continue;
    return fail(
        fmt::format("{}:{}:{}: error: step {} runs a program, and the inproc backend runs plugins "
                    "only (use --backend "
                    "local)\n1 error; nothing was run",
                    pipeline.file, step.at.line, step.at.column, step.name));
  }
  return {};
}

}  // namespace

Result<Prepared> prepare(const Submission& submission,
                         std::shared_ptr<const loader::Catalog> catalog, const json* axes) {
  const pipeline::ReadResult read =
      pipeline::read_pipeline(submission.file, submission.source, *catalog);
  if (!read.pipeline) {
    return fail(fmt::format("{}{} {}; nothing was run",
                            pipeline::render(read.errors, submission.source), read.errors.size(),
                            read.errors.size() == 1 ? "error" : "errors"));
  }
  if (auto fits = fits_backend(*read.pipeline, submission.options.backend); !fits) {
    return tl::unexpected(fits.error());
  }
  auto plan = pipeline::make_plan(read.pipeline, submission.params, axes);
  if (!plan) return tl::unexpected(plan.error());
  return Prepared{std::make_shared<pipeline::Plan>(std::move(*plan)), std::move(catalog)};
}

Environment own_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::map<std::string, std::string> referenced_environment(const std::string& source) {
  std::map<std::string, std::string> found;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  for (std::size_t at = source.find("env."); at != std::string::npos;
       at = source.find("env.", at)) {
    const bool whole = at == 0 || !is_word(source[at - 1]);
    at += 4;
    std::size_t end = at;
    while (end < source.size() && is_word(source[end])) ++end;
    const std::string name = source.substr(at, end - at);
    const char* value = whole && !name.empty() ? std::getenv(name.c_str()) : nullptr;
    if (value != nullptr) found[name] = value;
  }
  return found;
}

}  // namespace scanflow::runtime
