// Services whose model is a number in a file, which the plugin test.scale multiplies by.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

/// A folder with that plugin alone: the one of all tests' has two of one name.
class ScalePlugin {
 public:
  ScalePlugin() {
    const std::filesystem::path from = SCANFLOW_BINARY_DIR "/tests/plugins";
    for (const char* file : {"online.so", "online.plugin.json"})
      std::filesystem::copy_file(from / file, folder_ / file);
  }
  std::string folder() const { return folder_.path().string(); }

 private:
  TempDir folder_;
};

/// Registers a version of the model `factor`.
inline constexpr const char* kRegisterFactor = R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: factor}
params: {factor: {type: string}}
steps:
  - {name: make, run: 'echo $FACTOR > $SCANFLOW_ARTIFACTS/model', env: {FACTOR: "${{ params.factor }}"}}
  - {name: register, needs: make, uses: model.register, with: {name: factor, model: "${{ steps.make.artifacts.model }}"}}
)";

}  // namespace scanflow::test
