#include "engine/cli/context.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "engine/cli/text.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::cli {

Result<loader::Catalog> Context::catalog(bool write) const {
  loader::SearchPath path = loader::search_path(plugin_dirs, plugins);
  path.worker = worker;
  const auto directory = state_directory();
  if (write && directory) path.cache = directory->plugin_cache();
  return loader::Catalog::discover(path);
}

Context make_context() {
  std::error_code error;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  Context context;
  context.worker = here / "scanflow-worker";
  context.plugins = here.parent_path() / "lib/scanflow/plugins";
  return context;
}

bool use_color(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(fd) != 0 && (no_color == nullptr || *no_color == '\0');
}

namespace {

winsize size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return size;
}

}  // namespace

int terminal_width(int fd) {
  const int columns = size_of(fd).ws_col;
  return columns > 0 ? columns : 100;
}

int terminal_height(int fd) {
  const int rows = size_of(fd).ws_row;
  return rows > 0 ? rows : 24;
}

Result<PipelineFile> read_pipeline_file(const std::string& file) {
  const bool piped = file == "-";
  auto text = piped ? read_all(STDIN_FILENO, "stdin") : read_file(file);
  if (!text) return tl::unexpected(text.error());
  return PipelineFile{piped ? "<stdin>" : file, std::move(*text)};
}

int complain(const Context& context, Exit code, const std::string& message) {
  if (context.json) fmt::print("{}\n", nlohmann::json{{"error", message}, {"exit", code}}.dump());
  fmt::print(stderr, "{}{}\n", message.find("error: ") == std::string::npos ? "error: " : "",
             message);
  return code;
}

Result<std::string> find_run(const Context& context, const std::string& prefix) {
  const auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  const auto store = store::Store::open_read_only(state->root);
  if (!store) return tl::unexpected(store.error());
  if (prefix.empty() || prefix == "last") {
    const auto newest = (*store)->runs({.limit = 1});
    if (!newest) return tl::unexpected(newest.error());
    if (newest->empty()) return fail("there are no runs yet in " + state->root.string());
    return newest->front().id;
  }
  const auto found = (*store)->find_runs(prefix);
  if (!found) return tl::unexpected(found.error());
  if (found->size() == 1) return found->front().id;
  if (found->empty()) {
    return fail(fmt::format("no run '{}' in {}: 'scanflow runs list' shows them", prefix,
                            state->root.string()));
  }
  std::string message = fmt::format("'{}' is not one run:", prefix);
  for (std::size_t i = 0; i < found->size() && i < 8; ++i) {
    const store::RunRow& run = (*found)[i];
    message += fmt::format("\n  {}  {}  {}", run.id,
                           short_name(run.name_space, run.pipeline, run.version), run.status);
  }
  return fail(message + "\ngive more of its id");
}

std::string short_id(const std::string& run) { return run.substr(0, 13); }

}  // namespace scanflow::cli
