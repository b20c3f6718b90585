#include "engine/cli/registry.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "engine/cli/connection.hpp"
#include "engine/pipeline/reference.hpp"

namespace scanflow::cli {

Registry open_registry(const Context& context) {
  if (!context.server.empty()) {
    auto client = context.client();
    if (!client) return tl::unexpected(client.error());
    return api::documents_of(std::move(*client));
  }
  auto state = context.state_directory();
  if (!state) return api::broken(state.error().message);
  const auto ask = [context, state = *state](const nlohmann::json& request) {
    return ask_any_engine(context, state, request);
  };
  return api::documents_of(std::move(*state), ask, [context] { return context.catalog(); });
}

runtime::FindDocument find_in(const Registry& registry) {
  return [&registry](const store::DocumentName& name) -> Result<store::Document> {
    if (!registry) return fail(registry.error().message);
    auto found = (*registry)->find(name);
    if (!found) return fail(found.error().message);
    return std::move(*found);
  };
}

namespace {

api::Answer<runtime::Submission> from_registry(const std::string& argument,
                                               const std::string& name_space,
                                               const Registry& registry) {
  if (!registry) return tl::unexpected(registry.error());
  auto reference = pipeline::parse_reference(argument);
  if (!reference) return api::wrong(reference.error().message);
  if (reference->name_space.empty())
    reference->name_space = name_space.empty() ? "default" : name_space;
  const auto document =
      (*registry)->find({"Pipeline", reference->name_space, reference->name, reference->version});
  if (!document) return tl::unexpected(document.error());
  runtime::Submission submission;
  runtime::take_registered(submission, *document);
  return submission;
}

}  // namespace

api::Answer<runtime::Submission> find_pipeline(const std::string& argument,
                                               const std::string& name_space,
                                               const Registry& registry) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(argument, ignored);
  const bool there = std::filesystem::exists(argument, ignored) && !directory;
  if (argument != "-" && !there && !pipeline::names_file(argument)) {
    auto registered = from_registry(argument, name_space, registry);
    if (registered) return registered;
    if (!directory) {
      api::Failure failure = registered.error();
      failure.message = fmt::format("there is no file '{}', and {}", argument, failure.message);
      return tl::unexpected(std::move(failure));
    }
  }
  if (directory) {
    return api::wrong(fmt::format(
        "'{}' is a directory, and a file is needed here: name one that is in it", argument));
  }
  auto source = read_pipeline_file(argument);
  if (!source) return api::wrong(source.error().message);
  runtime::Submission submission;
  submission.file = std::move(source->name);
  submission.source = std::move(source->text);
  submission.name_space = name_space;
  return submission;
}

std::vector<std::string> absolute_plugin_dirs(const Context& context) {
  std::vector<std::string> directories;
  for (const std::string& each : context.plugin_dirs)
    directories.push_back(std::filesystem::absolute(each).string());
  return directories;
}

}  // namespace scanflow::cli
