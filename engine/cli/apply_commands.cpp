// scanflow apply, scanflow diff
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/cli/pipe_program.hpp"
#include "engine/cli/registry.hpp"
#include "engine/cli/registry_commands.hpp"
#include "engine/pipeline/documents.hpp"
#include "engine/runtime/document_files.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

/// An error is one of usage.
Result<runtime::ApplyRequest> request_of(const Context& context, const FilesOptions& options) {
  auto texts = runtime::read_document_files(options.files, options.recursive);
  if (!texts) return tl::unexpected(texts.error());
  return runtime::ApplyRequest{std::move(*texts), options.name_space, options.dry_run,
                               absolute_plugin_dirs(context)};
}

/// Services that these pipelines have brought along once, and do not any more: as `documents`, with
/// the outcome "left".
api::Answer<json> left_behind(api::Documents& registry, const json& documents) {
  const auto is_among = [&](const std::string& kind, const store::Document& of,
                            const std::string& name) {
    return std::any_of(documents.begin(), documents.end(), [&](const json& each) {
      return each.at("kind") == kind && each.at("namespace") == of.name_space &&
             each.at("name") == name;
    });
  };
  json left = json::array();
  const bool any = std::any_of(documents.begin(), documents.end(), [](const json& each) {
    return each.at("kind") == "Pipeline" && each.at("outcome") != "created";
  });
  if (!any) return left;
  const auto services = registry.list({.kind = "InferenceService",
                                       .labels = std::string(pipeline::kPipelineLabel),
                                       .sources = false});
  if (!services) return tl::unexpected(services.error());
  for (const store::Document& each : *services) {
    const json labels = json::parse(each.labels);
    const std::string of = labels.at(std::string(pipeline::kPipelineLabel));
    if (!is_among("Pipeline", each, of) || is_among(each.kind, each, each.name)) continue;
    left.push_back({{"kind", each.kind},
                    {"namespace", each.name_space},
                    {"name", each.name},
                    {"version", each.version},
                    {"outcome", "left"},
                    {"file", each.file}});
  }
  return left;
}

void print_left(const json& documents) {
  for (const json& each : documents) {
    const std::string kind = pipeline::kind_word(each.at("kind").get<std::string>());
    const std::string name = each.at("name"), name_space = each.at("namespace");
    fmt::print(
        "{0} {1}/{2} is not in the file any more; delete it with: scanflow delete {0}/{2} -n {1}\n",
        kind, name_space, name);
  }
}

void print_applied(const json& documents, bool dry_run) {
  for (const json& each : documents) {
    const json& version = each.at("version");
    fmt::print("{} {}/{}{} {}{}\n", pipeline::kind_word(each.at("kind").get<std::string>()),
               each.at("namespace").get<std::string>(), each.at("name").get<std::string>(),
               version.is_null() ? "" : "@" + version.dump(), each.at("outcome").get<std::string>(),
               dry_run ? " (dry run)" : "");
  }
}

/// A file of its own for as long as it lives.
class TemporaryFile {
 public:
  static Result<TemporaryFile> make(std::string_view content) {
    std::string path = (std::filesystem::temp_directory_path() / "scanflow-XXXXXX").string();
    const int fd = ::mkstemp(path.data());
    if (fd < 0) return fail(describe_errno("cannot make a temporary file", path, errno));
    TemporaryFile file(std::move(path));
    const ssize_t written = ::write(fd, content.data(), content.size());
    const int error = errno;
    ::close(fd);
    if (written == static_cast<ssize_t>(content.size())) return file;
    return fail(describe_errno("cannot write", file.path_, error));
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// As the program diff writes it.
Result<std::string> unified_diff(const runtime::Change& change, bool color) {
  const auto before = TemporaryFile::make(change.before ? change.before->source : "");
  if (!before) return tl::unexpected(before.error());
  const std::string old_name =
      change.before ? runtime::identity(*change.before) + " (registered)" : "/dev/null";
  const auto piped =
      pipe_program({"diff", "-u", color ? "--color=always" : "--color=never", "--label", old_name,
                    "--label", change.document.file, before->path(), "-"},
                   change.document.text);
  if (!piped) return tl::unexpected(piped.error());
  if (piped->exit_code > 1) return fail("diff: " + piped->errors);
  return piped->output;
}

}  // namespace

int apply(const Context& context, const FilesOptions& options) {
  const auto request = request_of(context, options);
  if (!request) return complain(context, kUsage, request.error().message);
  const auto registry = open_registry(context);
  if (!registry) return complain(context, registry.error());
  auto documents = (*registry)->apply(*request);
  if (!documents) return complain(context, documents.error());
  const auto left = left_behind(**registry, *documents);
  if (!left) return complain(context, left.error());
  if (context.json) {
    documents->insert(documents->end(), left->begin(), left->end());
    fmt::print("{}\n", documents->dump());
  } else {
    print_applied(*documents, options.dry_run);
    print_left(*left);
  }
  return kSucceeded;
}

int diff(const Context& context, const FilesOptions& options) {
  const auto request = request_of(context, options);
  if (!request) return complain(context, kUsage, request.error().message);
  const auto registry = open_registry(context);
  if (!registry) return complain(context, registry.error());
  const auto changes = (*registry)->plan(*request);
  if (!changes) return complain(context, changes.error());
  json documents = runtime::planned(*changes).at("documents");
  const auto left = left_behind(**registry, documents);
  if (!left) return complain(context, left.error());
  bool differs = !left->empty();
  for (std::size_t i = 0; i < changes->size(); ++i) {
    const runtime::Change& change = (*changes)[i];
    documents[i]["diff"] = "";
    if (change.outcome() == "unchanged") continue;
    differs = true;
    const auto text = unified_diff(change, !context.json && use_color(STDOUT_FILENO));
    if (!text) return complain(context, kEngine, text.error().message);
    documents[i]["diff"] = *text;
    if (!context.json) fmt::print("{}", *text);
  }
  documents.insert(documents.end(), left->begin(), left->end());
  if (context.json) {
    fmt::print("{}\n", documents.dump());
  } else {
    print_left(*left);
  }
  return differs ? kRunFailed : kSucceeded;
}

}  // namespace scanflow::cli
