// Documents against a JSON Schema, by a validator that is not ours (python3-jsonschema), and
// against the reader.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::pipeline::test {

/// What the schema says about each document, "" where nothing; fails the test where the schema is no
/// draft 07. One process for all: it takes a tenth of a second to start.
std::vector<std::string> by_schema(const nlohmann::ordered_json& schema,
                                   const nlohmann::json& documents);

/// The reader's errors, with the plugins of test::catalog(); "" where there are none.
std::string by_reader(const nlohmann::json& document);

/// Skips its tests where python3-jsonschema is not installed.
class WithValidator : public testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace scanflow::pipeline::test
