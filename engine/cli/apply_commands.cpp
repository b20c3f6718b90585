// scanflow apply, scanflow diff
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "engine/cli/pipe_program.hpp"
#include "engine/cli/registry.hpp"
#include "engine/cli/registry_commands.hpp"
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
  const auto documents = (*registry)->apply(*request);
  if (!documents) return complain(context, documents.error());
  if (context.json) {
    fmt::print("{}\n", documents->dump());
  } else {
    print_applied(*documents, options.dry_run);
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
  bool differs = false;
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
  if (context.json) fmt::print("{}\n", documents.dump());
  return differs ? kRunFailed : kSucceeded;
}

}  // namespace scanflow::cli
