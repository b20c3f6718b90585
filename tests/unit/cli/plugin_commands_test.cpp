// scanflow plugin list | inspect | new: what they print.
#include "engine/cli/plugin_commands.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "sdk/base/files.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cli {
namespace {

namespace fs = std::filesystem;
using loader::json;

class PluginCommands : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root / "plugins");
    fs::copy_file(HELLO, root / "plugins/hello.so");
    path = {.directories = {root / "plugins"}, .worker = SCANFLOW_DESCRIBE, .cache = {}};
  }

  test::TempDir root;
  loader::SearchPath path;
  std::ostringstream out, err;
  PluginOutput text{out, err, false, 100};
  PluginOutput as_json{out, err, true, 100};
};

TEST_F(PluginCommands, ListShowsEveryPlugin) {
  EXPECT_EQ(plugin_list(path, text), 0);
  EXPECT_EQ(out.str(),
            "plugin   kind  version  library\n"
            "command  step  1.0.0    built in  Runs a program: argv, or a script\n"
            "hello    step  1.0.0    hello.so  Greets\n"
            "noop     step  1.0.0    built in  Does nothing; its outputs are its `with`\n");
  EXPECT_EQ(err.str(), "");
}

TEST_F(PluginCommands, ListSaysWhatIsBroken) {
  root.write("plugins/text.so", "hello");
  EXPECT_EQ(plugin_list(path, as_json), 1);
  const auto document = json::parse(out.str());
  EXPECT_EQ(document["plugins"].size(), 3U);
  EXPECT_EQ(document["searched"], json::array({(root / "plugins").string()}));
  EXPECT_EQ(err.str(), "error: " + document["problems"][0].get<std::string>() + "\n");
}

TEST_F(PluginCommands, InspectShowsTheSchemaAsATable) {
  EXPECT_EQ(plugin_inspect(path, "hello", text), 0) << err.str();
  EXPECT_EQ(out.str(), "step hello  1.0.0\nGreets\n" + (root / "plugins/hello.so").string() +
                           "\n"
                           "\n"
                           "with\n"
                           "field  type     default  must be\n"
                           "name   string   \"world\"  not empty  whom to greet\n"
                           "times  integer  1        1 to 100   how often\n"
                           "\n"
                           "outputs\n"
                           "name      type\n"
                           "greeting  string  the greeting\n"
                           "summary   string  one line for people\n");
}

TEST_F(PluginCommands, InspectTakesALibraryToo) {
  EXPECT_EQ(plugin_inspect(path, (root / "plugins/hello.so").string(), as_json), 0) << err.str();
  const auto document = json::parse(out.str());
  EXPECT_EQ(document["id"], "hello");
  EXPECT_EQ(document["plugins"][0]["config_schema"]["properties"]["times"]["maximum"], 100);
}

TEST_F(PluginCommands, InspectNamesTheNearest) {
  EXPECT_EQ(plugin_inspect(path, "helo", text), 2);
  EXPECT_EQ(err.str(), "error: unknown plugin 'helo'; did you mean 'hello'?; looked in " +
                           (root / "plugins").string() +
                           " (3 plugins); 'scanflow plugin list' shows them\n");
}

TEST_F(PluginCommands, NewFillsTheTemplates) {
  const NewPlugin plugin{.kind = "step",
                         .name = "acme.clean-up",
                         .directory = root / "project",
                         .templates = SCANFLOW_SOURCE_DIR "/sdk/templates"};
  ASSERT_EQ(plugin_new(plugin, as_json), 0) << err.str();
  EXPECT_EQ(json::parse(out.str())["files"],
            (json{"CMakeLists.txt", "README.md", "acme_clean_up.cpp", "acme_clean_up.hpp",
                  "acme_clean_up_test.cpp"}));
  const auto source = read_file(root / "project/acme_clean_up.cpp").value_or("");
  EXPECT_NE(source.find(".id = \"acme.clean-up\""), std::string::npos) << source;
  EXPECT_NE(source.find("SCANFLOW_PLUGIN(\"acme_clean_up_plugin\", \"1.0.0\", AcmeCleanUp)"),
            std::string::npos)
      << source;
  for (const auto& entry : fs::directory_iterator(root / "project")) {
    EXPECT_EQ(read_file(entry.path()).value_or("@").find('@'), std::string::npos) << entry.path();
  }
}

TEST_F(PluginCommands, NewRefusesWhatWouldNotWork) {
  const auto error_of = [&](const NewPlugin& plugin) {
    err.str("");
    EXPECT_EQ(plugin_new(plugin, text), 2);
    return err.str();
  };
  const fs::path templates = SCANFLOW_SOURCE_DIR "/sdk/templates";
  EXPECT_EQ(error_of({"stop", "x", root / "p", templates}),
            "error: unknown kind of plugin 'stop'; it is step, trigger or strategy\n");
  EXPECT_EQ(error_of({"step", "My Plugin", root / "p", templates}),
            "error: 'My Plugin' cannot be a plugin's id; use lower-case letters, digits, '.', '-' "
            "and '_', beginning with a letter\n");
  EXPECT_EQ(
      error_of({"step", "x", root / "plugins", templates}),
      "error: " + (root / "plugins").string() + " is not empty; give another place with --dir\n");
}

}  // namespace
}  // namespace scanflow::cli
