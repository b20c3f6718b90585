// scanflow-sidecar: beside every step. Watches it, acts on it, and tells the engine's hub.
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sysexits.h>

#include <cstdlib>
#include <exception>
#include <string_view>

#include "sidecar/app/config.hpp"
#include "sidecar/app/note.hpp"
#include "sidecar/app/sidecar.hpp"

namespace {

using namespace scanflow;

int run() {
  auto config = sidecar::read_config([](const char* name) { return std::getenv(name); });
  if (!config) {
    sidecar::note(config.error().message + " (scanflow-sidecar --help lists the variables)");
    return EX_USAGE;
  }
  auto opened = sidecar::Sidecar::open(std::move(*config));
  if (!opened) {
    sidecar::note(opened.error().message);
    return EXIT_FAILURE;
  }
  (*opened)->run();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  ::mallopt(M_ARENA_MAX, 1);  // threads of libzmq would have one each
  ::signal(SIGPIPE, SIG_IGN);
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--version") {
    fmt::print("scanflow-sidecar {}\n", SCANFLOW_VERSION);
    return EXIT_SUCCESS;
  }
  if (argc > 1) {
    fmt::print(
        "scanflow-sidecar [--help | --version]\n\nEverything else is told by the environment:\n{}",
        sidecar::config_help());
    return first == "--help" ? EXIT_SUCCESS : EX_USAGE;
  }
  try {
    return run();
  } catch (const std::exception& error) {
    sidecar::note(std::string("ended by a broken invariant: ") + error.what());
    return EXIT_FAILURE;
  }
}
