// Finding plugins: order, indexes, and libraries that cannot be described.
#include "sdk/loader/catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "sdk/base/files.hpp"
#include "sdk/loader/describe.hpp"
#include "sdk/loader/index.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::loader {
namespace {

namespace fs = std::filesystem;

class Discovery : public testing::Test {
 protected:
  void SetUp() override {
    path.directories = {root / "a"};
    path.worker = SCANFLOW_DESCRIBE;
    path.cache = root / "cache.json";
  }

  /// Copies a library of the tests; `with_index`: and writes its index beside it.
  fs::path put(const std::string& from, const std::string& to, bool with_index = false) {
    const auto target = root / to;
    fs::create_directories(target.parent_path());
    fs::copy_file(from, target);
    if (with_index) {
      const auto command = fmt::format("{} index {}", SCANFLOW_DESCRIBE, target.string());
      EXPECT_EQ(std::system(command.c_str()), 0) << command;
    }
    return target;
  }
  Catalog discover() {
    auto catalog = Catalog::discover(path);
    EXPECT_TRUE(catalog) << catalog.error().message;
    return catalog ? *catalog : Catalog::built_in();
  }

  test::TempDir root;
  SearchPath path;
  const std::string good = TEST_PLUGINS "/test_steps.so";
};

TEST_F(Discovery, BuiltInPluginsAreAlwaysThere) {
  const auto catalog = discover();
  EXPECT_EQ(catalog.ids(Kind::step), (std::vector<std::string>{"command", "noop"}));
  ASSERT_NE(catalog.find("command"), nullptr);
  EXPECT_TRUE(catalog.find("command")->config_schema["properties"].contains("argv"));
  EXPECT_TRUE(catalog.find("noop")->library.empty());
  EXPECT_EQ(catalog.find("comand"), nullptr);
  EXPECT_EQ(catalog.searched(), path.directories);
}

TEST_F(Discovery, DescribesInAChildAndCachesThat) {
  const auto library = put(good, "a/good.so");
  auto catalog = discover();
  ASSERT_NE(catalog.find("test.echo"), nullptr);
  EXPECT_EQ(catalog.find("test.echo")->library, library);
  EXPECT_EQ(catalog.ids(Kind::trigger), std::vector<std::string>{"test.count"});
  EXPECT_TRUE(catalog.problems().empty());
  path.worker = "/nowhere";  // the cache answers now
  EXPECT_NE(discover().find("test.echo"), nullptr);
}

TEST_F(Discovery, ReadsTheIndexBesideTheLibraryAndLoadsNothing) {
  put(good, "a/good.so", true);
  path.worker.clear();
  const auto catalog = discover();
  ASSERT_NE(catalog.find("test.echo"), nullptr);
  EXPECT_EQ(catalog.libraries().at(0).version, "2.1.0");
}

TEST_F(Discovery, KnowsAMovedLibraryByItsDigestAndAChangedOneAsChanged) {
  const auto library = put(good, "a/good.so", true);
  path.worker.clear();
  path.cache.clear();
  fs::last_write_time(library, fs::last_write_time(library) - std::chrono::hours(1));
  EXPECT_NE(discover().find("test.echo"), nullptr) << "same digest";
  std::ofstream(library, std::ios::app) << "changed";
  const auto catalog = discover();
  EXPECT_EQ(catalog.find("test.echo"), nullptr);
  ASSERT_EQ(catalog.problems().size(), 1U);
  EXPECT_EQ(catalog.problems()[0],
            fmt::format("{0}: it has no index beside it; write one with 'scanflow-describe index "
                        "{0}'",
                        library.string()));
}

TEST_F(Discovery, ADuplicateIdNamesBothFiles) {
  const auto first = put(good, "a/one.so");
  const auto second = put(good, "b/two.so");
  path.directories.push_back(root / "b");
  const auto catalog = Catalog::discover(path);
  ASSERT_FALSE(catalog);
  EXPECT_EQ(
      catalog.error().message,
      fmt::format("two plugins are called 'test.echo': one in {}, one in {}; remove or rename "
                  "one of them",
                  first.string(), second.string()));
}

TEST_F(Discovery, TheSameDirectoryTwiceIsNoDuplicate) {
  put(good, "a/one.so");
  fs::create_directory_symlink(root / "a", root / "link");
  path.directories.push_back(root / "link");
  path.directories.push_back(root / "missing");
  EXPECT_NE(discover().find("test.echo"), nullptr);
}

TEST_F(Discovery, ABrokenLibraryIsAProblemAndTheOthersAreThere) {
  put(good, "a/good.so");
  const auto null_id = put(BAD_PLUGINS "/null_id.so", "a/null_id.so");
  const auto crash = put(BAD_PLUGINS "/crashes_at_load.so", "a/crashes.so");
  root.write("a/text.so", "not a library");
  root.write("a/README", "not looked at");
  const auto catalog = discover();
  EXPECT_NE(catalog.find("test.echo"), nullptr);
  EXPECT_EQ(catalog.problems(),
            (std::vector<std::string>{
                crash.string() +
                    ": it crashes while it is loaded (signal 11, Segmentation fault); its last "
                    "words: about to crash",
                null_id.string() + ": scanflow_plugin.id is null; name the library",
                (root / "a/text.so").string() +
                    ": not a shared library (it does not begin with an ELF header); build it with "
                    "scanflow_add_plugin"}));
}

TEST_F(Discovery, AHangingLibraryIsKilled) {
  const auto library = put(BAD_PLUGINS "/hangs_at_load.so", "a/hangs.so");
  path.describe_deadline = std::chrono::milliseconds(300);
  EXPECT_EQ(discover().problems(),
            std::vector<std::string>{library.string() +
                                     ": it hangs while it is loaded (killed after 300 ms); its "
                                     "constructors and init must return at once"});
}

TEST_F(Discovery, WhatALibraryPrintsIsNotItsDescription) {
  put(BAD_PLUGINS "/prints_at_load.so", "a/babbler.so");
  const auto catalog = discover();
  EXPECT_TRUE(catalog.problems().empty()) << catalog.problems().front();
  EXPECT_NE(catalog.find("babbler"), nullptr);
}

TEST_F(Discovery, AMissingDescriberIsSaid) {
  const auto library = put(good, "a/good.so");
  path.worker = "/nowhere/scanflow-worker";
  EXPECT_EQ(discover().problems(),
            std::vector<std::string>{library.string() +
                                     ": it has no index, and cannot start "
                                     "/nowhere/scanflow-worker: No such file or directory"});
}

TEST_F(Discovery, ABrokenCacheIsAnEmptyOne) {
  put(good, "a/good.so");
  for (const char* text : {"", "{", "[]", R"({"x": 1})"}) {
    test::write(path.cache, text);
    EXPECT_NE(discover().find("test.echo"), nullptr) << text;
  }
}

TEST(SearchPathTest, IsInOrderAndNeverTheWorkingDirectory) {
  setenv("SCANFLOW_PLUGIN_PATH", "/env/one::/env/two/", 1);
  const auto path = search_path({"/first", ""}, "/installed");
  unsetenv("SCANFLOW_PLUGIN_PATH");
  EXPECT_EQ(path.directories,
            (std::vector<fs::path>{"/first", "/env/one", "/env/two/", "/installed"}));
  EXPECT_TRUE(search_path({}, "").directories.empty());
}

TEST(Description, SurvivesJson) {
  LibraryInfo library;
  library.path = "/p/x.so";
  library.id = "x";
  library.version = "1.2.3";
  library.build = "g++";
  library.sha256 = std::string(64, 'a');
  library.abi_major = 1;
  library.plugins.push_back({.kind = Kind::strategy,
                             .id = "x.y",
                             .version = "1",
                             .summary = "s",
                             .primitives = json::array({"stop"})});
  const auto document = to_json(library);
  const auto back = library_from_json(document);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), document);
  EXPECT_EQ(back->plugins[0].library, library.path);
  auto other = document;
  other["format"] = 2;
  EXPECT_EQ(library_from_json(other).error().message,
            "a description of format 2, this version reads 1; write it again with "
            "scanflow-describe index");
  EXPECT_FALSE(library_from_json(json::object()));
  EXPECT_FALSE(library_from_json(json("text")));
}

}  // namespace
}  // namespace scanflow::loader
