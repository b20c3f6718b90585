#include "engine/cli/context.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

Result<loader::Catalog> Context::catalog(bool write) const {
  loader::SearchPath path = loader::search_path(plugin_dirs, plugins);
  path.worker = worker;
  const auto directory = state_directory();
  if (write && directory) path.cache = directory->plugin_cache();
  return loader::Catalog::discover(path);
}

api::Answer<api::HttpClient> Context::client() const {
  api::ClientLimits limits;
  if (!server_timeout.empty()) {
    const auto time = parse_duration(server_timeout);
    if (!time) return api::wrong("--server-timeout: " + time.error().message);
    limits.silence = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::microseconds(std::max<std::int64_t>(*time, 1000)));
    limits.connect = std::min(limits.connect, limits.silence);
  }
  auto client = api::HttpClient::to(server, limits);
  if (!client) return api::wrong(client.error().message);
  return std::move(*client);
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

std::string user_name() {
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
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

std::size_t table_width(int fd) {
  return ::isatty(fd) != 0 ? static_cast<std::size_t>(terminal_width(fd)) : 0;
}

int terminal_height(int fd) {
  const int rows = size_of(fd).ws_row;
  return rows > 0 ? rows : 24;
}

Result<PipelineFile> read_pipeline_file(const std::string& file) {
  const bool piped = file == "-";
  std::error_code ignored;
  if (!piped && std::filesystem::is_directory(file, ignored))
    return fail("'" + file + "' is a directory, and a file is needed here: name one that is in it");
  auto text = piped ? read_all(STDIN_FILENO, "stdin", kMostText) : read_file(file, kMostText);
  if (!text) return tl::unexpected(text.error());
  return PipelineFile{piped ? "<stdin>" : file, std::move(*text)};
}

int complain(const Context& context, Exit code, const std::string& message) {
  if (context.json) {
    using nlohmann::json;  // a message may quote what is no text
    fmt::print("{}\n", json{{"error", message}, {"exit", code}}.dump(
                           -1, ' ', false, json::error_handler_t::replace));
  }
  fmt::print(stderr, "{}{}\n", message.find("error: ") == std::string::npos ? "error: " : "",
             message);
  return code;
}

int complain(const Context& context, const api::Failure& failure) {
  return complain(context, static_cast<Exit>(failure.exit), failure.message);
}

api::Answer<std::unique_ptr<api::Runs>> open_runs(const Context& context) {
  if (context.server.empty()) {
    const auto state = context.state_directory();
    return state ? api::open_runs(*state) : api::broken(state.error().message);
  }
  auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  return api::runs_of(std::move(*client));
}

api::Answer<std::string> find_run(const Context& context, const std::string& prefix) {
  const auto runs = open_runs(context);
  if (!runs) return tl::unexpected(runs.error());
  return (*runs)->find(prefix);
}

}  // namespace scanflow::cli
