#include "engine/runtime/submission.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "engine/backend/names.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/secrets.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/text.hpp"

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
  if (submission.version > 0) document["version"] = submission.version;
  if (!submission.name_space.empty()) document["namespace"] = submission.name_space;
  if (!submission.caller_namespace.empty())
    document["caller_namespace"] = submission.caller_namespace;
  if (submission.trigger != "cli") document["trigger"] = submission.trigger;
  if (submission.scheduled_us > 0) document["scheduled_us"] = submission.scheduled_us;
  if (!submission.sources.empty()) document["sources"] = submission.sources;
  if (!submission.retry_of.empty()) {
    document["retry_of"] = submission.retry_of;
    document["reuse"] = submission.reuse;
    if (!submission.retry_from.empty()) document["retry_from"] = submission.retry_from;
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
  submission.version = document.value("version", submission.version);
  submission.name_space = document.value("namespace", submission.name_space);
  submission.caller_namespace = document.value("caller_namespace", "");
  submission.sources = document.value("sources", submission.sources);
  submission.params = document.at("params");
  submission.options = run_options_from_json(document.at("options"));
  submission.trigger = document.value("trigger", submission.trigger);
  submission.scheduled_us = document.value("scheduled_us", submission.scheduled_us);
  submission.retry_of = document.value("retry_of", "");
  submission.reuse = document.value("reuse", submission.reuse);
  submission.retry_from = document.value("retry_from", "");
  if (const auto caller = document.find("caller"); caller != document.end())
    submission.caller = {caller->at("run"), caller->at("step"), caller->at("attempt")};
  return submission;
}

namespace {

std::string refused(const pipeline::Pipeline& pipeline, const pipeline::Step& step,
                    const std::string& why) {
  return fmt::format("{}:{}:{}: error: step {} {}\n1 error; nothing was run", pipeline.file,
                     step.at.line, step.at.column, step.name, why);
}

/// Only Pods have an image, and volumes: elsewhere the step would run with what this machine has.
Result<void> needs_no_pod(const pipeline::Pipeline& pipeline, const std::string& backend) {
  for (const pipeline::Step& step : pipeline.steps) {
    if (step.image.empty() && step.volumes.empty()) continue;
    const std::string need =
        step.image.empty() ? "has volumes" : fmt::format("runs in the image {}", step.image);
    return fail(refused(pipeline, step,
                        fmt::format("{}, and on the backend {} steps are no Pods (use --backend "
                                    "podman)",
                                    need, backend)));
  }
  return {};
}

/// Devices are counted and handed out by a cluster alone.
Result<void> needs_no_device(const pipeline::Pipeline& pipeline, const std::string& backend) {
  for (const pipeline::Step& step : pipeline.steps) {
    if (step.resources.devices.empty()) continue;
    return fail(refused(pipeline, step,
                        fmt::format("gets the device {}, and the backend {} hands out none (use "
                                    "--backend kubernetes)",
                                    step.resources.devices.begin()->first, backend)));
  }
  return {};
}

Result<void> needs_no_cluster_secret(const pipeline::Pipeline& pipeline,
                                     const std::string& backend) {
  for (const pipeline::Step& step : pipeline.steps) {
    for (const auto& [variable, secret] : step.secrets) {
      if (secret.name.empty() || !takes_secrets(step)) continue;
      return fail(refused(pipeline, step,
                          fmt::format("has {} of the Secret {}, and on the backend {} there are "
                                      "none (use --backend kubernetes, or 'env' or 'file')",
                                      variable, secret.name, backend)));
    }
  }
  return {};
}

Result<void> fits_backend(const pipeline::Pipeline& pipeline, const std::string& backend) {
  if (backend != backend::kKubernetes) {
    if (auto fits = needs_no_device(pipeline, backend); !fits) return fits;
    if (auto fits = needs_no_cluster_secret(pipeline, backend); !fits) return fits;
  }
  if (backend::runs_pods(backend)) return {};
  if (auto fits = needs_no_pod(pipeline, backend); !fits || backend != "inproc") return fits;
  for (const pipeline::Step& step : pipeline.steps) {
    const bool program = step.uses == "command";
    // All its steps share one environment, and what they print is not looked through.
    const bool secrets = takes_secrets(step) && !step.secrets.empty();
    if (!program && !secrets) continue;  // those that are called are looked at when they are
    return fail(refused(
        pipeline, step,
        program ? "runs a program, and the inproc backend runs plugins only (use --backend local)"
                : "has secrets, which the inproc backend cannot keep (use --backend local)"));
  }
  return {};
}

/// What a call means beside the file that it stands in.
std::string file_of(const std::string& call, const std::string& from) {
  const std::filesystem::path path(call);
  return path.is_absolute()
             ? call
             : (std::filesystem::path(from).parent_path() / path).lexically_normal().string();
}

std::string rendered(const std::vector<pipeline::Diagnostic>& errors, const std::string& source) {
  return fmt::format("{}{} {}; nothing was run", pipeline::render(errors, source), errors.size(),
                     errors.size() == 1 ? "error" : "errors");
}

using Sources = std::map<std::string, std::string>;
using pipeline::Reference;

/// Where the text of a call comes from.
struct Origin {
  std::function<Result<std::string>(const std::string& file)> read;
  /// Fills in the version where none is said.
  std::function<Result<std::string>(Reference& reference)> look_up;
};

/// Keeps in `sources` what it finds.
pipeline::FindPipeline finder(Sources& sources, Origin origin) {
  return
      [&sources, origin = std::move(origin)](
          const std::string& call, const pipeline::Calling& from) -> Result<pipeline::SourceText> {
        if (pipeline::names_file(call)) {
          const std::string file = file_of(call, from.file);
          auto text = origin.read(file);
          if (!text) return tl::unexpected(text.error());
          sources[file] = *text;
          return pipeline::SourceText{file, std::move(*text)};
        }
        auto reference = pipeline::parse_reference(call);
        if (!reference) {
          return fail("it is no file (its name does not end with .yaml), and " +
                      reference.error().message);
        }
        if (reference->name_space.empty()) reference->name_space = from.name_space;
        auto text = origin.look_up(*reference);
        if (!text) return tl::unexpected(text.error());
        const std::string id = to_text(*reference);
        sources[id] = *text;
        return pipeline::SourceText{id, std::move(*text), reference->name_space};
      };
}

Origin as_of_now(FindDocument registry) {
  return {[](const std::string& file) { return read_regular_file(file, kMostText); },
          [registry = std::move(registry)](Reference& reference) -> Result<std::string> {
            auto found =
                registry({"Pipeline", reference.name_space, reference.name, reference.version});
            if (!found) return tl::unexpected(found.error());
            reference.version = found->version;
            return std::move(found->source);
          }};
}

/// What came with a submission. Where no version is said, the newest one of then: no other that
/// came can be newer.
Origin as_submitted(const Sources& sources) {
  const auto missing = [](const std::string& name) {
    return fail(name + " did not come with the pipeline");
  };
  return {[&sources, missing](const std::string& file) -> Result<std::string> {
            const auto known = sources.find(file);
            if (known != sources.end()) return known->second;
            if (auto text = read_regular_file(file, kMostText); !text) return text;
            return missing(file);
          },
          [&sources, missing](Reference& reference) -> Result<std::string> {
            Reference newest = reference;
            for (const auto& [name, text] : sources) {
              const auto other = pipeline::parse_reference(name);
              if (pipeline::names_file(name) || !other || !other->version) continue;
              if (other->name_space != reference.name_space || other->name != reference.name)
                continue;
              if (!reference.version && *other->version > newest.version.value_or(0))
                newest.version = other->version;
            }
            const auto known = sources.find(to_text(newest));
            if (known == sources.end()) return missing(to_text(reference));
            reference = newest;
            return known->second;
          }};
}

}  // namespace

void take_registered(Submission& submission, const store::Document& document) {
  submission.file = identity(document);
  submission.source = document.source;
  submission.name_space = document.name_space;
  submission.version = document.version;
}

pipeline::FindPipeline find_pipelines(FindDocument registry) {
  return [registry = std::move(registry)](const std::string& call, const pipeline::Calling& from) {
    Sources none;
    return finder(none, as_of_now(registry))(call, from);
  };
}

namespace {

/// All that is wrong, or "".
std::string collect(Submission& submission, const loader::Catalog& catalog, Origin origin) {
  if (submission.source.find("pipeline") == std::string::npos) return {};
  const auto read =
      pipeline::read_pipeline(submission.file, submission.source, catalog,
                              finder(submission.sources, std::move(origin)), submission.name_space);
  return read.errors.empty() ? "" : rendered(read.errors, submission.source);
}

}  // namespace

Result<void> collect_sources(Submission& submission, const loader::Catalog& catalog,
                             const FindDocument& registry, Files files) {
  const Sources came = submission.sources;
  const Origin given = as_submitted(came);
  const Origin now = as_of_now(registry);
  const auto look_up = [&](Reference& reference) {
    auto text = given.look_up(reference);
    return text ? text : now.look_up(reference);
  };
  const std::string wrong =
      collect(submission, catalog, {files == Files::on_disk ? now.read : given.read, look_up});
  if (wrong.empty()) return {};
  return fail(wrong);
}

void collect_files(Submission& submission) {
  const FindDocument elsewhere = [](const auto&) -> Result<store::Document> { return fail(""); };
  (void)collect(submission, loader::Catalog::built_in(), as_of_now(elsewhere));
}

Result<std::shared_ptr<const pipeline::Pipeline>> read(const Submission& submission,
                                                       const loader::Catalog& catalog) {
  Sources found;
  pipeline::ReadResult result = pipeline::read_pipeline(
      submission.file, submission.source, catalog, finder(found, as_submitted(submission.sources)),
      submission.name_space);
  if (result.pipeline) return std::move(result.pipeline);
  return fail(rendered(result.errors, submission.source));
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
    // It travels as JSON, which has no place for what is no UTF-8: that is left out.
    if (equals != std::string_view::npos && valid_utf8(std::string(text)) == text)
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

std::map<std::string, std::string> referenced_environment(const Submission& submission) {
  auto found = referenced_environment(submission.source);
  for (const auto& [file, text] : submission.sources) found.merge(referenced_environment(text));
  return found;
}

}  // namespace scanflow::runtime
