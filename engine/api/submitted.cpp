#include "engine/api/submitted.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/body.hpp"
#include "engine/api/documents.hpp"
#include "engine/api/not_retried.hpp"
#include "engine/backend/names.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/runtime/registry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {
namespace {

const Fields& fields() {
  static const Fields types{
      {"run", json::value_t::string},         {"file", json::value_t::string},
      {"source", json::value_t::string},      {"sources", json::value_t::object},
      {"params", json::value_t::object},      {"options", json::value_t::object},
      {"pipeline", json::value_t::string},    {"namespace", json::value_t::string},
      {"retry_of", json::value_t::string},    {"from", json::value_t::string},
      {"environment", json::value_t::object},
  };
  return types;
}

/// It names files, so nothing else is taken.
bool is_run_id(const std::string& id) {
  if (id.size() != 36) return false;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
    if (dash ? id[i] != '-' : !hex) return false;
  }
  return id[14] == '7';
}

/// NAMESPACE/NAME@VERSION; namespace `otherwise` and the newest version where they are not said.
Answer<store::Document> registered(const std::string& text, const std::string& otherwise,
                                   const ApiOptions& options) {
  const auto reference = pipeline::parse_reference(text);
  if (!reference) return wrong(reference.error().message);
  const std::string name_space = reference->name_space.empty() ? otherwise : reference->name_space;
  return find_document(options.state,
                       {"Pipeline", name_space, reference->name, reference->version});
}

/// What is to be run: exactly one of these is said.
Answer<void> check_kind(const json& document) {
  std::vector<std::string> said;
  for (const char* name : {"source", "pipeline", "retry_of"}) {
    if (document.contains(name)) said.emplace_back(name);
  }
  if (said.size() > 1) {
    return wrong(
        fmt::format("the body has both '{}' and '{}': send one of them", said[0], said[1]));
  }
  if (said.empty()) {
    return wrong(
        "the body has neither 'source' (a pipeline's text), 'pipeline' (its name) nor 'retry_of' "
        "(a run)");
  }
  if (said[0] == "retry_of") {
    for (const char* name : {"params", "options", "sources", "file", "namespace"}) {
      if (document.contains(name))
        return wrong(fmt::format("'{}' is that of the run in 'retry_of': leave it out", name));
    }
  } else if (document.contains("from")) {
    return wrong("'from' goes with 'retry_of'");
  }
  return {};
}

Answer<void> check_options(const runtime::Submission& submission) {
  if (!is_run_id(submission.run))
    return wrong(fmt::format("'{}' is no run id: it must be a UUIDv7, in lower case",
                             submission.run.substr(0, 100)));
  if (submission.options.jobs < 1 || submission.options.jobs > 4096)
    return wrong("'options.jobs' must be 1 to 4096");
  const std::string& backend = submission.options.backend;
  const std::vector<std::string> backends = backend::names();
  if (std::find(backends.begin(), backends.end(), backend) == backends.end())
    return wrong(
        fmt::format("unknown backend '{}'; there are: {}", backend, fmt::join(backends, ", ")));
  return {};
}

/// The texts of what it calls, and the variables that they read.
Answer<void> complete(runtime::Submission& submission, const json& document,
                      const ApiOptions& options, const loader::Catalog& catalog) {
  const auto store = store::Store::open_read_only(options.state.root);
  if (!store) return broken(store.error().message);
  const auto came = submission.sources;
  const bool with_files = document.contains("sources");  // else they are this machine's
  const auto collected =
      runtime::collect_sources(submission, catalog, runtime::find_in(store->get()),
                               with_files ? runtime::Files::that_came : runtime::Files::on_disk);
  if (!collected) return wrong(collected.error().message);
  auto& env = submission.options.env;
  if (!document.value("options", json::object()).contains("env"))
    env = runtime::referenced_environment(submission);
  for (const auto& [file, text] : submission.sources) {
    if (!came.contains(file)) env.merge(runtime::referenced_environment(text));
  }
  return {};
}

/// Of a pipeline's text, or its name.
Answer<runtime::Submission> of_text(const json& document, const ApiOptions& options,
                                    const loader::Catalog& catalog) {
  json whole = {{"run", ""},
                {"file", "<request>"},
                {"source", ""},
                {"params", json::object()},
                {"options", json::object()}};
  whole.update(document);
  const json& chosen = whole["options"];
  static const Fields options_of_a_run{
      {"backend", json::value_t::string},    {"jobs", json::value_t::number_unsigned},
      {"use_cache", json::value_t::boolean}, {"directory", json::value_t::string},
      {"plugin_dirs", json::value_t::array}, {"env", json::value_t::object},
  };
  if (auto checked = check_fields(chosen, options_of_a_run); !checked)
    return tl::unexpected(checked.error());
  runtime::Submission submission = runtime::submission_from_json(whole);
  submission.caller_namespace = document.value("namespace", "");
  if (document.contains("pipeline")) {
    const auto there = registered(document.at("pipeline").get<std::string>(),
                                  document.value("namespace", "default"), options);
    if (!there) return tl::unexpected(there.error());
    runtime::take_registered(submission, *there);
  }
  if (auto completed = complete(submission, document, options, catalog); !completed)
    return tl::unexpected(completed.error());
  if (!chosen.contains("jobs"))
    submission.options.jobs = backend::default_jobs(submission.options.backend, options.jobs);
  if (!chosen.contains("plugin_dirs")) submission.options.plugin_dirs = options.plugin_dirs;
  if (!chosen.contains("directory"))
    submission.options.directory = std::filesystem::current_path().string();
  return submission;
}

/// Of a run.
Answer<runtime::Submission> of_run(const json& document, const ApiOptions& options,
                                   const std::shared_ptr<const loader::Catalog>& catalog) {
  const auto runs = open_runs(options.state);
  if (!runs) return tl::unexpected(runs.error());
  const auto run = (*runs)->find(document.at("retry_of").get<std::string>());
  if (!run) return tl::unexpected(run.error());
  const auto store = store::Store::open_read_only(options.state.root);
  if (!store) return broken(store.error().message);
  auto retried = runtime::retry_of(**store, *run, document.value("from", ""),
                                   uuid_v7(wall_us() / 1000), catalog);
  if (!retried) return failure_of(retried.error());
  return std::move(retried->submission);
}

}  // namespace

Answer<Submitted> read_submission(const Request& request, const ApiOptions& options) {
  const auto document = read_body(request, fields());
  if (!document) return tl::unexpected(document.error());
  if (auto checked = check_kind(*document); !checked) return tl::unexpected(checked.error());
  const auto catalog = options.catalog();
  if (!catalog) return broken("the plugins cannot be found; the server's log says why");
  try {
    auto submission = document->contains("retry_of") ? of_run(*document, options, catalog)
                                                     : of_text(*document, options, *catalog);
    if (!submission) return tl::unexpected(submission.error());
    submission->trigger = "api";
    submission->run = document->value("run", request.parameter("run"));
    if (submission->run.empty()) submission->run = uuid_v7(wall_us() / 1000);
    if (auto checked = check_options(*submission); !checked) return tl::unexpected(checked.error());
    return Submitted{std::move(*submission),
                     document->value("environment", runtime::own_environment()), catalog};
  } catch (const json::exception& error) {
    return wrong(std::string("the body has a value of a wrong type: ") + error.what());
  }
}

}  // namespace scanflow::api
