#include "engine/api/submitted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>

#include "sdk/base/clock.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {
namespace {

const std::vector<std::string>& fields() {
  static const std::vector<std::string> names{"run",      "file",       "source",   "sources",
                                              "params",   "options",    "retry_of", "reuse",
                                              "pipeline", "environment"};
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
Answer<store::Document> registered(const std::string& reference, const store::Store& store) {
  const std::size_t at = reference.find('@');
  const std::string path = reference.substr(0, at);
  const std::size_t slash = path.find('/');
  const std::string name_space = slash == std::string::npos ? "default" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::optional<std::uint32_t> version;
  if (at != std::string::npos) {
    std::uint32_t number = 0;
    const char* const end = reference.data() + reference.size();
    const auto [rest, error] = std::from_chars(reference.data() + at + 1, end, number);
    if (error != std::errc() || rest != end)
      return wrong(fmt::format("'{}': a version is a number (mine/train@3)", reference));
    version = number;
  }
  auto found = store.document("Pipeline", name_space, name, version);
  if (!found) return broken(found.error().message);
  if (*found) return std::move(**found);
  std::vector<std::string> names;
  if (const auto all = store.documents("Pipeline")) {
    for (const store::DocumentEntry& each : *all)
      names.push_back(each.newest.name_space + "/" + each.newest.name);
  }
  const std::string near = nearest(name_space + "/" + name, names);
  return missing(fmt::format("no pipeline '{}' is registered{}", reference,
                             near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

Answer<void> add_registered(json& document, const ApiOptions& options) {
  if (document.contains("source"))
    return wrong("the body has both 'source' and 'pipeline': send one of them");
  const auto store = store::Store::open_read_only(options.state.root);
  if (!store) return broken(store.error().message);
  auto pipeline = registered(document.at("pipeline").get<std::string>(), **store);
  if (!pipeline) return tl::unexpected(pipeline.error());
  document["file"] = pipeline->file;
  document["source"] = pipeline->source;
  document["version"] = pipeline->version;
  return {};
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
    if (document->contains("pipeline")) {
      if (auto added = add_registered(*document, options); !added)
        return tl::unexpected(added.error());
    }
    if (!document->contains("source"))
      return wrong("the body has neither 'source' (a pipeline's text) nor 'pipeline' (its name)");
    json whole = {{"run", request.parameter("run")},
                  {"file", "<request>"},
                  {"params", json::object()},
                  {"options", json::object()}};
    whole.update(*document);
    json& chosen = whole["options"];
    if (!chosen.is_object() || !whole["params"].is_object())
      return wrong("'options' and 'params' must be objects");
    Submitted submitted{runtime::submission_from_json(whole),
                        whole.value("environment", runtime::own_environment())};
    runtime::Submission& submission = submitted.submission;
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
