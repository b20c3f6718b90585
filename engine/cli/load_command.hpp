// scanflow load: how fast an inference service answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct LoadOptions {
  std::string url;
  std::string scenario = "SingleStream";
  std::string duration = "10s";
  std::string bound;  // of the 99th percentile; empty: none
  double rate = 100;
  std::uint64_t requests = 0;
  std::int64_t rows = 1;
  unsigned connections = 32;
  std::uint64_t seed = 1;
  bool as_json = false;
  std::vector<std::string> files;
};

/// Declares the command; the chosen one goes into `command`.
void add_load(CLI::App& app, const Context& context, LoadOptions& options,
              std::function<int()>& command);

}  // namespace scanflow::cli
