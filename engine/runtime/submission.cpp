#include "engine/runtime/submission.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "sdk/base/files.hpp"

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
  json document = {{"run", submission.run},
                   {"file", submission.file},
                   {"source", submission.source},
                   {"params", submission.params},
                   {"options", to_json(submission.options)}};
  if (submission.trigger != "cli") document["trigger"] = submission.trigger;
  if (submission.version > 0) document["version"] = submission.version;
  if (submission.scheduled_us > 0) document["scheduled_us"] = submission.scheduled_us;
  if (!submission.sources.empty()) document["sources"] = submission.sources;
  if (!submission.retry_of.empty()) {
    document["retry_of"] = submission.retry_of;
    document["reuse"] = submission.reuse;
  }
  if (const auto& caller = submission.caller) {
    document["caller"] = {
        {"run", caller->run}, {"step", caller->step}, {"attempt", caller->attempt}};
  }
  return document;
}

Submission submission_from_json(const json& document) {
  Submission submission;
  submission.run = document.at("run");
  submission.file = document.at("file");
  submission.source = document.at("source");
  submission.sources = document.value("sources", submission.sources);
  submission.params = document.at("params");
  submission.options = run_options_from_json(document.at("options"));
  submission.trigger = document.value("trigger", submission.trigger);
  submission.version = document.value("version", submission.version);
  submission.scheduled_us = document.value("scheduled_us", submission.scheduled_us);
  submission.retry_of = document.value("retry_of", "");
  submission.reuse = document.value("reuse", submission.reuse);
  if (const auto caller = document.find("caller"); caller != document.end())
    submission.caller = {caller->at("run"), caller->at("step"), caller->at("attempt")};
  return submission;
}

namespace {

Result<void> fits_backend(const pipeline::Pipeline& pipeline, const std::string& backend) {
  if (backend != "inproc") return {};
  for (const pipeline::Step& step : pipeline.steps) {
    if (step.uses != "command") continue;  // those that are called are looked at when they are
    return fail(
        fmt::format("{}:{}:{}: error: step {} runs a program, and the inproc backend runs plugins "
                    "only (use --backend "
                    "local)\n1 error; nothing was run",
                    pipeline.file, step.at.line, step.at.column, step.name));
  }
  return {};
}

bool is_file(const std::string& call) {
  const std::string extension = std::filesystem::path(call).extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

/// What a call means beside the file that it stands in.
std::string file_of(const std::string& call, const std::string& from) {
  const std::filesystem::path path(call);
  return path.is_absolute()
             ? call
             : (std::filesystem::path(from).parent_path() / path).lexically_normal().string();
}

Result<std::string> read_pipeline_text(const std::string& file) { return read_file(file); }

/// Of a submission's sources; `add`: is asked for those that are not there.
pipeline::FindPipeline finder(
    std::map<std::string, std::string>& sources,
    const std::function<Result<std::string>(const std::string& file)>& add) {
  return [&sources, add](const std::string& call,
                         const std::string& from) -> Result<pipeline::SourceText> {
    if (!is_file(call)) return fail("it is no file: its name does not end with .yaml");
    const std::string file = file_of(call, from);
    const auto known = sources.find(file);
    if (known != sources.end()) return pipeline::SourceText{file, known->second};
    auto text = add(file);
    if (!text) return tl::unexpected(text.error());
    sources[file] = *text;
    return pipeline::SourceText{file, std::move(*text)};
  };
}

}  // namespace

pipeline::FindPipeline find_on_disk() {
  return [](const std::string& call, const std::string& from) {
    std::map<std::string, std::string> none;
    return finder(none, read_pipeline_text)(call, from);
  };
}

void collect_sources(Submission& submission, const loader::Catalog& catalog) {
  if (submission.source.find("pipeline") == std::string::npos) return;
  (void)pipeline::read_pipeline(submission.file, submission.source, catalog,
                                finder(submission.sources, read_pipeline_text));
}

Result<std::shared_ptr<const pipeline::Pipeline>> read(const Submission& submission,
                                                       const loader::Catalog& catalog) {
  std::map<std::string, std::string> sources = submission.sources;
  const auto missing = [](const std::string& file) -> Result<std::string> {
    auto text = read_file(file);
    if (text) return fail(file + " did not come with the pipeline");
    return text;
  };
  pipeline::ReadResult result = pipeline::read_pipeline(submission.file, submission.source, catalog,
                                                        finder(sources, missing));
  if (result.pipeline) return std::move(result.pipeline);
  return fail(fmt::format("{}{} {}; nothing was run",
                          pipeline::render(result.errors, submission.source), result.errors.size(),
                          result.errors.size() == 1 ? "error" : "errors"));
}

Result<Prepared> prepare(const Submission& submission,
                         std::shared_ptr<const loader::Catalog> catalog, const json* recorded) {
  auto pipeline = read(submission, *catalog);
  if (!pipeline) return tl::unexpected(pipeline.error());
  return prepare(submission, std::move(*pipeline), std::move(catalog), recorded);
}

Result<Prepared> prepare(const Submission& submission,
                         std::shared_ptr<const pipeline::Pipeline> pipeline,
                         std::shared_ptr<const loader::Catalog> catalog, const json* recorded) {
  if (auto fits = fits_backend(*pipeline, submission.options.backend); !fits) {
    return tl::unexpected(fits.error());
  }
  auto plan = pipeline::make_plan(std::move(pipeline), submission.params, recorded);
  if (!plan) return tl::unexpected(plan.error());
  for (const auto& [step, result] : submission.reuse.items())
    plan->reuse.emplace(step, std::make_shared<const json>(result));
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
