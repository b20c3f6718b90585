// scanflow-worker: hosts what runs outside the engine.
//   supervise   parent of all local attempts
//   host        warm parent of the attempts of one plugin library
//   serve       the main process of a Pod's container
//   describe    prints what a library offers, as JSON
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>

#include "engine/worker/control_host.hpp"
#include "engine/worker/step_host.hpp"
#include "engine/worker/supervisor.hpp"
#include "sdk/loader/library.hpp"

namespace {

namespace worker = scanflow::worker;

/// stdin from /dev/null, stdout and stderr to the log.
bool redirect(const std::string& log) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (null < 0 || file < 0) return false;
  return ::dup2(null, 0) == 0 && ::dup2(file, 1) == 1 && ::dup2(file, 2) == 2;
}

int describe(const std::string& library) {
  const auto info = scanflow::loader::describe(std::filesystem::absolute(library));
  if (!info) {
    std::cerr << info.error().message << '\n';
    return 1;
  }
  std::cout << scanflow::loader::to_json(*info).dump(2) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Hosts what runs outside the Scanflow engine", "scanflow-worker");
  app.set_version_flag("--version", SCANFLOW_VERSION);
  app.require_subcommand(1);

  worker::SupervisorOptions options;
  std::string log;
  int ready_fd = -1;
  auto* supervise = app.add_subcommand("supervise", "Parent of all local attempts of an engine");
  supervise->add_option("--socket", options.socket, "Unix socket to listen on")->required();
  supervise->add_option("--work", options.work_directory, "Directory for slots and artifacts")
      ->required();
  supervise->add_option("--log", log, "File for its own messages")->required();
  supervise
      ->add_option("--memory", options.memory,
                   "How memory limits are kept: auto (cgroup where possible), or watch")
      ->envname("SCANFLOW_MEMORY")
      ->check(CLI::IsMember({"auto", "watch"}));
  supervise
      ->add_option("--sidecar", options.sidecar,
                   "The program to be beside the attempts; none: nothing is")
      ->envname("SCANFLOW_SIDECAR");
  supervise->add_option("--ready-fd", ready_fd, "Descriptor that gets one byte once it listens");

  auto* serve = app.add_subcommand(
      "serve", "Run what the sidecar of this Pod orders (by SCANFLOW_WORKER_SOCKET, ...)");
  std::string library;
  auto* host = app.add_subcommand("host", "Warm parent of a plugin library's attempts");
  host->add_option("--library", library, "The plugin library, absolute")->required();
  auto* control = app.add_subcommand(
      "control", "Host triggers and strategies: what descriptor 3 asks, until it ends");
  auto* describe_command = app.add_subcommand("describe", "Print what a library offers, as JSON");
  describe_command->add_option("library", library, "The plugin library")->required();

  CLI11_PARSE(app, argc, argv);
  if (*describe_command) return describe(library);
  if (*host) return worker::run_step_host(library);
  if (*control) return worker::run_control_host(3);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  if (*serve) return worker::serve_pod(program);
  if (!redirect(log)) {
    std::cerr << "scanflow-worker: cannot open the log " << log << '\n';
    return 1;
  }
  options.program = program;
  return worker::supervise(options, ready_fd);
}
