// scanflow-service: the process of one replica of an inference service.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <string>

#include "engine/infer/host.hpp"

int main(int argc, char** argv) {
  CLI::App app("Serves an inference graph", "scanflow-service");
  app.set_version_flag("--version", SCANFLOW_VERSION);
  std::string path;
  scanflow::infer::HostOptions options;
  app.add_option("document", path, "What to serve: a service document (JSON)")->required();
  app.add_flag("--with-parent", options.with_parent, "End when stdin ends");
  CLI11_PARSE(app, argc, argv);

  std::ifstream in(path);
  if (!in) {
    std::cerr << "scanflow-service: cannot open " << path << '\n';
    return 1;
  }
  const auto document =
      scanflow::infer::service_from_json(nlohmann::json::parse(in, nullptr, false));
  if (!document) {
    std::cerr << "scanflow-service: " << path << ": " << document.error().message << '\n';
    return 1;
  }
  return scanflow::infer::run_host(*document, options);
}
