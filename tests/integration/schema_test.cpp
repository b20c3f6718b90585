// scanflow schema, as editors get it.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

TEST(Schema, IsTheCommittedOneWithoutPlugins) {
  const Scanflow scanflow;
  const Output output = scanflow({"schema"});
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_EQ(output.out, read(SCANFLOW_SOURCE_DIR "/pipelines/schema/pipeline.schema.json"));
}

TEST(Schema, KnowsThePluginsThatAreFound) {
  const Scanflow scanflow;
  const Output output = scanflow({"schema", "--plugins"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const json schema = json::parse(output.out);
  json expected = json::array();
  const json list = json::parse(scanflow({"plugin", "list", "-o", "json"}).out);
  for (const json& plugin : list["plugins"]) {
    if (plugin["kind"] == "step") expected.push_back(plugin["id"]);
  }
  expected.push_back(nullptr);
  EXPECT_EQ(schema["definitions"]["step"]["properties"]["uses"]["enum"], expected);
  const json& hello = schema["definitions"]["with-hello"];
  EXPECT_EQ(hello["additionalProperties"], false);
  EXPECT_EQ(hello["properties"]["times"]["maximum"], 100);
}

TEST(Schema, SaysWhichLibrariesAreMissingInIt) {
  const Scanflow scanflow;
  scanflow.files().write("plugins/broken.so", "not a library");
  const Output output =
      scanflow({"--plugin-dir", (scanflow.files() / "plugins").string(), "schema", "--plugins"});
  EXPECT_EQ(output.exit, 3);
  EXPECT_NE(output.err.find("broken.so"), std::string::npos) << output.err;
  EXPECT_TRUE(json::parse(output.out).contains("definitions")) << "of those that are not broken";
}

}  // namespace
}  // namespace scanflow::test
