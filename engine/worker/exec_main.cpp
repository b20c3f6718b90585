// scanflow-exec: static, for any image. Put before a container's command.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "engine/worker/launcher.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/supervisor.hpp"

namespace {

using namespace scanflow;

constexpr int kExecUsage = 64;
constexpr const char* kHelp =
    "scanflow-exec [--] PROGRAM [ARGUMENT...]\n"
    "scanflow-exec --serve\n"
    "scanflow-exec --install DIRECTORY\n\n"
    "Runs the program as its child beside a sidecar: forwards signals, tells the sidecar of its\n"
    "life, lets it be steered over $SCANFLOW_SOCKET, and ends as it ends. --install copies it\n"
    "into a directory, for containers whose image does not have it.\n\n"
    "  SCANFLOW_SIDECAR_SOCKET  where the sidecar listens; left out: the program just runs\n"
    "  SCANFLOW_PROGRAM_SOCKET  where it listens for the program; left out: beside the sidecar's\n"
    "  SCANFLOW_RUN, SCANFLOW_STEP, SCANFLOW_ATTEMPT  whose attempt it is\n"
    "  SCANFLOW_STEERING        JSON: rules, hooks, checkpoint\n"
    "  SCANFLOW_MEMORY_LIMIT    bytes\n\n"
    "--serve: runs the commands that the sidecar of this Pod orders, one after the other.\n\n"
    "  SCANFLOW_WORKER_SOCKET   where it listens for them\n";

std::string exec_variable(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

/// Whoever runs it meanwhile has the old one or the new one, never a part.
int install(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const std::filesystem::path to = directory / "scanflow-exec";
  const std::filesystem::path part = directory / ".scanflow-exec.new";
  constexpr auto kOverwrite = std::filesystem::copy_options::overwrite_existing;
  constexpr auto kRunByAll = static_cast<std::filesystem::perms>(0755);
  if (!error) std::filesystem::copy_file("/proc/self/exe", part, kOverwrite, error);
  if (!error) std::filesystem::permissions(part, kRunByAll, error);
  if (!error) std::filesystem::rename(part, to, error);
  if (!error) return EXIT_SUCCESS;
  worker::note("cannot install " + to.string() + ": " + error.message());
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  int first = 1;
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "--version") {
    (void)std::fputs(word == "--help" ? kHelp : "scanflow-exec " SCANFLOW_VERSION "\n", stdout);
    return EXIT_SUCCESS;
  }
  if (word == "--serve" && argc == 2) return worker::serve_pod("/proc/self/exe");
  constexpr int kInstall = 3;  // words
  if (word == "--install" && argc == kInstall) return install(argv[2]);
  if (word == "--") ++first;
  if (first >= argc || word == "--install") {
    (void)std::fputs(kHelp, stderr);
    return kExecUsage;
  }
  worker::LauncherOptions options;
  options.argv.assign(argv + first, argv + argc);
  options.sidecar = exec_variable("SCANFLOW_SIDECAR_SOCKET");
  options.id = {
      exec_variable("SCANFLOW_RUN"), exec_variable("SCANFLOW_STEP", "main"),
      static_cast<std::uint32_t>(std::atoi(exec_variable("SCANFLOW_ATTEMPT", "1").c_str()))};
  options.steering = exec_variable("SCANFLOW_STEERING", "{}");
  options.memory_limit =
      std::strtoull(exec_variable("SCANFLOW_MEMORY_LIMIT", "0").c_str(), nullptr, 10);
  // Containers of one Pod share the directory: each needs a socket of its own.
  options.socket = exec_variable("SCANFLOW_PROGRAM_SOCKET");
  if (options.socket.empty()) options.socket = options.sidecar + ".program";
  if (options.sidecar.empty()) {
    ::execvp(argv[first], argv + first);
    worker::note(std::string("cannot run ") + argv[first]);
    return errno == ENOENT ? 127 : 126;
  }
  try {
    return worker::Launcher(options).run();
  } catch (const std::exception& error) {
    worker::note(std::string("ended by a broken invariant: ") + error.what());
    return EXIT_FAILURE;
  }
}
