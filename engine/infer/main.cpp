// scanflow-service: the process of one replica of an inference service.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "engine/infer/host.hpp"

namespace {

using namespace scanflow::infer;

constexpr std::chrono::seconds kLinger{5};

int complain(const std::string& what) {
  std::cerr << "scanflow-service: " << what << '\n';
  return 1;
}

/// Of a Pod's document: the plugins of its image.
void find_libraries(ServiceDocument& document) {
  std::error_code none;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", none);
  const auto plugins = program.parent_path().parent_path() / "lib/scanflow/plugins";
  for (NodeDocument& node : document.nodes) {
    if (!node.library.starts_with('/')) node.library = plugins / node.library;
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves an inference graph", "scanflow-service");
  app.set_version_flag("--version", SCANFLOW_VERSION);
  std::string path;
  HostOptions options;
  bool in_pod = false;
  CLI::Option* const named =
      app.add_option("document", path, "What to serve: a service document (JSON)");
  app.add_flag("--with-parent", options.with_parent, "End when stdin ends");
  app.add_flag("--in-pod", in_pod,
               "The document is $SCANFLOW_SERVICE; the sidecar at $SCANFLOW_SOCKET says which "
               "versions there are")
      ->excludes(named);
  CLI11_PARSE(app, argc, argv);

  std::string text;
  if (in_pod) {
    path = "$SCANFLOW_SERVICE";
    text = variable("SCANFLOW_SERVICE");
    options.sidecar = variable("SCANFLOW_SOCKET");
    if (text.empty() || options.sidecar.empty())
      return complain(
          "--in-pod: SCANFLOW_SERVICE and SCANFLOW_SOCKET are set in a Pod with a sidecar");
  } else if (const std::ifstream in(path); in) {
    std::ostringstream all;
    all << in.rdbuf();
    text = all.str();
  } else {
    return complain(path.empty() ? "name a document (--help)" : "cannot open " + path);
  }
  auto document = service_from_json(nlohmann::json::parse(text, nullptr, false));
  if (!document) return complain(path + ": " + document.error().message);
  find_libraries(*document);
  // Clients of a cluster's Service are told elsewhere with a delay; who asks by a socket of the machine is the engine,
  // another user there, which asks no more by then.
  if (in_pod && !document->listen.starts_with("unix:")) options.linger = kLinger;
  if (in_pod && document->listen.starts_with("unix:")) ::umask(0);
  return run_host(*document, options);
}
