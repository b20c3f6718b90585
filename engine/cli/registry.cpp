#include "engine/cli/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace scanflow::cli {

Registry open_registry(const Context& context) {
  if (!context.server.empty())
    return fail("what a server has registered is not seen over --server; use its state directory");
  const auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  if (!store::Store::exists(state->root)) return std::unique_ptr<store::Store>();
  return store::Store::open_read_only(state->root);
}

namespace {

Result<runtime::Submission> from_registry(const std::string& argument,
                                          const std::string& name_space, const Registry& registry) {
  if (!registry) return tl::unexpected(registry.error());
  auto reference = pipeline::parse_reference(argument);
  if (!reference) return tl::unexpected(reference.error());
  if (!name_space.empty() && !reference->name_space.empty() &&
      reference->name_space != name_space) {
    return fail(fmt::format("'{}' is in the namespace '{}', and -n says '{}': leave one out",
                            argument, reference->name_space, name_space));
  }
  if (reference->name_space.empty())
    reference->name_space = name_space.empty() ? "default" : name_space;
  const auto document = runtime::find_document(
      registry->get(), {"Pipeline", reference->name_space, reference->name, reference->version});
  if (!document) return tl::unexpected(document.error());
  runtime::Submission submission;
  runtime::take_registered(submission, *document);
  return submission;
}

}  // namespace

Result<runtime::Submission> find_pipeline(const std::string& argument,
                                          const std::string& name_space, const Registry& registry) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(argument, ignored);
  const bool there = std::filesystem::exists(argument, ignored) && !directory;
  if (argument != "-" && !there && !pipeline::names_file(argument)) {
    auto registered = from_registry(argument, name_space, registry);
    if (registered) return registered;
    if (!directory)
      return fail(
          fmt::format("there is no file '{}', and {}", argument, registered.error().message));
  }
  if (directory) {
    return fail(fmt::format(
        "'{}' is a directory, and a file is needed here: name one that is in it", argument));
  }
  auto source = read_pipeline_file(argument);
  if (!source) return tl::unexpected(source.error());
  runtime::Submission submission;
  submission.file = std::move(source->name);
  submission.source = std::move(source->text);
  submission.name_space = name_space;
  return submission;
}

std::string kind_word(std::string_view kind) {
  std::string word(kind);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

}  // namespace scanflow::cli
