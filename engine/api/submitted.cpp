#include "engine/api/submitted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "engine/pipeline/reference.hpp"
#include "engine/runtime/registry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {
namespace {

const std::vector<std::string>& fields() {
  static const std::vector<std::string> names{"run",      "file",        "source",    "sources",
                                              "params",   "options",     "retry_of",  "reuse",
                                              "pipeline", "environment", "name_space"};
  return names;
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

Answer<json> document_of(const Request& request) {
  const std::string& type = request.content_type;
  const auto is = [&](std::string_view wanted) { return type.find(wanted) != std::string::npos; };
  if (is("json")) {
    json document = json::parse(request.body, nullptr, false);
    if (document.is_discarded()) return wrong("the body is not JSON");
    if (!document.is_object()) return wrong("the body must be a JSON object");
    if (!document.contains("apiVersion")) return document;
  } else if (!is("yaml") && !is("text/plain") && !type.empty()) {
    return tl::unexpected(Failure{
        415, 2,
        fmt::format("cannot read a body of type '{}': send application/yaml (the pipeline) or "
                    "application/json",
                    type)});
  }
  return json{{"source", request.body}};
}

/// NAMESPACE/NAME@VERSION; namespace `default` and the newest version where they are not said.
Answer<store::Document> registered(const std::string& text, const store::Store& store) {
  const auto reference = pipeline::parse_reference(text);
  if (!reference) return wrong(reference.error().message);
  const std::string name_space = reference->name_space.empty() ? "default" : reference->name_space;
  auto found =
      runtime::find_document(&store, {"Pipeline", name_space, reference->name, reference->version});
  if (!found) return missing(found.error().message);
  return std::move(*found);
}

}  // namespace

Answer<Submitted> read_submission(const Request& request, const ApiOptions& options) {
  auto document = document_of(request);
  if (!document) return tl::unexpected(document.error());
  for (const auto& [name, value] : document->items()) {
    if (std::find(fields().begin(), fields().end(), name) != fields().end()) continue;
    const std::string near = nearest(name, fields());
    return wrong(fmt::format("unknown field '{}'; {}", name,
                             near.empty() ? fmt::format("there are: {}", fmt::join(fields(), ", "))
                                          : fmt::format("did you mean '{}'?", near)));
  }
  try {
    const bool named = document->contains("pipeline");
    if (named && document->contains("source"))
      return wrong("the body has both 'source' and 'pipeline': send one of them");
    if (!named && !document->contains("source"))
      return wrong("the body has neither 'source' (a pipeline's text) nor 'pipeline' (its name)");
    const auto store = store::Store::open_read_only(options.state.root);
    if (!store) return broken(store.error().message);
    json whole = {{"run", request.parameter("run")},
                  {"file", "<request>"},
                  {"source", ""},
                  {"params", json::object()},
                  {"options", json::object()}};
    whole.update(*document);
    json& chosen = whole["options"];
    if (!chosen.is_object() || !whole["params"].is_object())
      return wrong("'options' and 'params' must be objects");
    Submitted submitted{runtime::submission_from_json(whole),
                        whole.value("environment", runtime::own_environment())};
    runtime::Submission& submission = submitted.submission;
    if (named) {
      const auto document_there = registered(document->at("pipeline").get<std::string>(), **store);
      if (!document_there) return tl::unexpected(document_there.error());
      runtime::take_registered(submission, *document_there);
    }
    if (!document->contains("sources")) {
      const auto catalog = options.catalog();
      if (!catalog) return broken("the plugins cannot be found; the server's log says why");
      const auto collected = runtime::collect_sources(submission, *catalog, store->get());
      if (!collected) return wrong(collected.error().message);
    }
    submission.trigger = "api";
    if (submission.run.empty()) submission.run = uuid_v7(wall_us() / 1000);
    if (!is_run_id(submission.run))
      return wrong(fmt::format("'{}' is no run id: it must be a UUIDv7, in lower case",
                               submission.run.substr(0, 100)));
    if (!chosen.contains("jobs")) submission.options.jobs = options.jobs;
    if (!chosen.contains("plugin_dirs")) submission.options.plugin_dirs = options.plugin_dirs;
    if (!chosen.contains("directory"))
      submission.options.directory = std::filesystem::current_path().string();
    if (!chosen.contains("env"))
      submission.options.env = runtime::referenced_environment(submission.source);
    if (submission.options.jobs < 1 || submission.options.jobs > 4096)
      return wrong("'options.jobs' must be 1 to 4096");
    const std::string& backend = submission.options.backend;
    if (backend != "local" && backend != "inproc")
      return wrong(fmt::format("unknown backend '{}'; there are: local, inproc", backend));
    return submitted;
  } catch (const json::exception& error) {
    return wrong(std::string("the body has a value of a wrong type: ") + error.what());
  }
}

}  // namespace scanflow::api
