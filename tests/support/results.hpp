// The JSON that `scanflow ... -o json` ends with, in tests.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/program.hpp"

namespace scanflow::test {

/// The document on the last line of stdout.
inline nlohmann::json last_line(const Output& output) {
  const std::string text = output.out.substr(0, output.out.find_last_not_of('\n') + 1);
  nlohmann::json document =
      nlohmann::json::parse(text.substr(text.rfind('\n') + 1), nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << output.out << output.err;
  return document;
}

/// The step of a run's document with this identity.
inline nlohmann::json step(const nlohmann::json& result, const std::string& name) {
  for (const nlohmann::json& each : result.at("steps")) {
    if (each.at("name") == name) return each;
  }
  ADD_FAILURE() << "no step " << name << " in " << result.dump();
  return nlohmann::json::object();
}

}  // namespace scanflow::test
