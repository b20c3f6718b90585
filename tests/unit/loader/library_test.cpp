// Each rule of the boundary that the loader checks, with a library that breaks it.
#include "sdk/loader/library.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <scanflow/abi/trigger.h>

#include <filesystem>

#include "sdk/base/digest.hpp"
#include "sdk/loader/builtin.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::loader {
namespace {

namespace fs = std::filesystem;

/// The path of a bad library, which its error begins with.
std::string bad(const std::string& name) { return std::string(BAD_PLUGINS "/") + name + ".so"; }

std::string error_of(const std::string& path) {
  const auto library = Library::load(path);
  return library ? "loaded" : library.error().message;
}

struct Case {
  const char* name;
  const char* error;  // after "PATH: "
};

class BadLibrary : public testing::TestWithParam<Case> {};

TEST_P(BadLibrary, IsRefusedWithTheReasonAndTheFix) {
  EXPECT_EQ(error_of(bad(GetParam().name)), bad(GetParam().name) + ": " + GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Loader, BadLibrary,
    testing::Values(
        Case{"no_symbol",
             "it does not export scanflow_plugin; register its plugins with SCANFLOW_PLUGIN and "
             "build it with scanflow_add_plugin"},
        Case{"wrong_major",
             "it was built for plugin ABI 2.7, this host speaks 1.0; rebuild it against this "
             "version's SDK"},
        Case{"newer_minor",
             "it needs plugin ABI 1.3 or later, this host speaks 1.0; upgrade scanflow, or rebuild "
             "the plugin against the older SDK"},
        Case{"small_entry",
             "its struct_size is 24, at least 64 is needed; set it to "
             "sizeof(scanflow_plugin_entry)"},
        Case{"null_id", "scanflow_plugin.id is null; name the library"},
        Case{"null_get_factory", "scanflow_plugin.get_factory is null; a library must answer it"},
        Case{"init_fails",
             "init of 'bad' failed (status 1): no licence in /etc/bad; put one there"},
        Case{
            "small_factory",
            "its factory scanflow.step/1 is incomplete (struct_size 16, at least 32 is needed, and "
            "no null function)"},
        Case{"null_descriptor",
             "step 0: its descriptor is null although count() is above 0; return one, or count "
             "fewer"},
        Case{"bad_id",
             "step 0: 'Train Me' cannot be a plugin's id; use lower-case letters, digits, '.', '-' "
             "and '_', beginning with a letter"},
        Case{"no_version",
             "step 'bad.one': it has no version; give it one (\"1.0.0\"): it is part of the cache "
             "key"},
        Case{"schema_outside_subset",
             "step 'bad.one': its config_schema is not valid at /properties/n: keyword "
             "'multipleOf' is outside the subset of JSON Schema (sdk/abi/README.md lists the "
             "subset)"},
        Case{"default_invalid",
             "step 'bad.one': its config_schema is not valid at /properties/n: the default 0 is "
             "not valid: 0 is below the minimum 1"},
        Case{"duplicate_id", "it has two plugins 'bad.one'; rename one"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BadLibrary, WithASchemaThatIsNotJsonSaysWhere) {
  const auto error = error_of(bad("schema_not_json"));
  EXPECT_TRUE(error.starts_with(bad("schema_not_json") +
                                ": step 'bad.one': its config_schema is not JSON: "))
      << error;
  EXPECT_NE(error.find("line 1, column 18"), std::string::npos) << error;
}

TEST(BadLibrary, WithAnUnresolvedSymbolCarriesTheLinkersWords) {
  const auto error = error_of(bad("unresolved"));
  EXPECT_TRUE(error.starts_with(bad("unresolved") + ": cannot be loaded: ")) << error;
  EXPECT_NE(error.find("undefined symbol: nobody_defines_this"), std::string::npos) << error;
  EXPECT_NE(error.find("link what it needs"), std::string::npos) << error;
}

#if !defined(__SANITIZE_THREAD__)  // its runtime has a thread of its own
// Each in a child process: the thread stays, and would make the next look guilty.
void load_and_print(const char* name) {
  fmt::print(stderr, "{}", error_of(bad(name)));
  std::exit(3);
}

TEST(BadLibraryDeathTest, ThatStartsAThreadIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(load_and_print("thread_in_init"), testing::ExitedWithCode(3),
              "thread_in_init.so: it started a thread in init; start threads in run, not before: "
              "the process is forked after loading");
  EXPECT_EXIT(load_and_print("thread_at_load"), testing::ExitedWithCode(3),
              "thread_at_load.so: it started a thread while it was loaded; start threads in run");
}
#endif

TEST(NotALibrary, IsToldApart) {
  EXPECT_EQ(error_of("/nowhere/x.so"),
            "/nowhere/x.so: no such file; check the path, or build the plugin");
  EXPECT_EQ(error_of("x.so"), "x.so: give the absolute path of a plugin library");
  EXPECT_EQ(error_of("/tmp"), "/tmp: not a file; give the path of a plugin library (NAME.so)");
  const test::TempDir directory;
  const std::string text = directory.write("x.so", "hello");
  EXPECT_EQ(error_of(text), text +
                                ": not a shared library (it does not begin with an ELF header); "
                                "build it with scanflow_add_plugin");
}

TEST(GoodLibrary, SaysWhatItOffers) {
  const fs::path path = TEST_PLUGINS "/test_steps.so";
  const auto library = Library::load(path);
  ASSERT_TRUE(library) << library.error().message;
  const auto& info = (*library)->info();
  EXPECT_EQ(info.id, "test");
  EXPECT_EQ(info.version, "2.1.0");
  EXPECT_EQ(info.path, path);
  EXPECT_EQ(info.sha256, sha256_file(path).value_or("?"));
  std::string plugins;
  for (const auto& plugin : info.plugins) {
    plugins += std::string(name(plugin.kind)) + " " + plugin.id + "\n";
  }
  EXPECT_EQ(plugins,
            "step test.echo\nstep test.end\nstep test.busy\nstep test.bad-artifact\n"
            "step test.wait\nstep test.steered\ntrigger test.count\nstrategy test.nothing\n");
  EXPECT_EQ(info.plugins[0].config_schema["properties"]["size"],
            json::parse(R"({"type":"integer","default":0,"minimum":0,
                            "description":"bytes of filling in the outputs"})"));
  EXPECT_EQ(info.plugins.back().primitives, json::array({"stop"}));
  EXPECT_NE((*library)->factory(SCANFLOW_TRIGGER_FACTORY), nullptr);
  EXPECT_EQ((*library)->factory("scanflow.unheard-of/1"), nullptr);
}

TEST(GoodLibrary, IsLoadedOnce) {
  const auto first = Library::load(TEST_PLUGINS "/test_steps.so");
  const auto second = Library::load(TEST_PLUGINS "/../plugins/test_steps.so");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST(GoodLibrary, OlderThanTheHostIsReadOnlyAsFarAsItGoes) {
  const auto library = Library::load(bad("older"));
  ASSERT_TRUE(library) << library.error().message;
  const auto& plugin = (*library)->info().plugins.at(0);
  EXPECT_EQ(plugin.summary, "From before schemas");
  EXPECT_EQ(plugin.config_schema, json::object());
}

TEST(Builtin, NoopGoesThroughTheSameChecks) {
  const auto library = builtin_library();
  ASSERT_TRUE(library) << library.error().message;
  ASSERT_EQ((*library)->info().plugins.size(), 1U);
  EXPECT_EQ((*library)->info().plugins[0].id, "noop");
  EXPECT_TRUE((*library)->info().plugins[0].library.empty());
}

TEST(Adopt, RefusesABadEntryByItsName) {
  auto entry = builtin_entry();
  entry.get_factory = nullptr;
  const auto library = Library::adopt(entry, "mine");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().message,
            "mine: scanflow_plugin.get_factory is null; a library must answer it");
}

}  // namespace
}  // namespace scanflow::loader
