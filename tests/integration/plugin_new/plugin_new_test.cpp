// Installs the SDK to a fresh prefix, writes a plugin of each kind there, builds and tests it
// against nothing but the installed SDK, and finds it as `scanflow plugin list` does.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "engine/cli/plugin_commands.hpp"
#include "sdk/base/files.hpp"

namespace scanflow {
namespace {

namespace fs = std::filesystem;

class PluginNew : public testing::TestWithParam<const char*> {
 protected:
  /// The same place each time, so that ccache knows what it compiled before.
  void SetUp() override {
    root_ = fs::path(SCANFLOW_BINARY_DIR) / "tests/plugin_new" / GetParam();
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  /// Runs a shell command; what it printed is in the failure.
  testing::AssertionResult sh(const std::string& command) {
    const auto log = root_ / "log";
    const int status = std::system(("(" + command + ") > " + log.string() + " 2>&1").c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return testing::AssertionSuccess();
    return testing::AssertionFailure() << command << "\n"
                                       << read_file(log).value_or("(nothing printed)");
  }

  fs::path root_;
};

TEST_P(PluginNew, BuildsOutsideTheTreeAndPassesItsTests) {
  const std::string kind = GetParam();
  const std::string prefix = (root_ / "sdk").string();
  const std::string project = (root_ / "project").string();
  const std::string build = project + "/build";
  ASSERT_TRUE(
      sh(SCANFLOW_CMAKE " --install " SCANFLOW_BINARY_DIR " --component sdk --prefix " + prefix));

  std::ostringstream out, err;
  const cli::PluginOutput output{out, err};
  const cli::NewPlugin plugin{.kind = kind,
                              .name = "acme.my-" + kind,
                              .directory = project,
                              .templates = cli::templates_beside(fs::path(prefix) / "bin")};
  ASSERT_EQ(cli::plugin_new(plugin, output), 0) << err.str();
  EXPECT_EQ(plugin.templates, fs::path(prefix) / "share/scanflow/templates");

  const std::string sanitize = SCANFLOW_SANITIZE_FLAGS;
  const auto flags = sanitize.empty() ? "" : " -DCMAKE_CXX_FLAGS=-fsanitize=" + sanitize;
  ASSERT_TRUE(sh(SCANFLOW_CMAKE " -S " + project + " -B " + build +
                 " -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=" SCANFLOW_LAUNCHER
                 " -DCMAKE_CXX_COMPILER=" +
                 SCANFLOW_CXX + " -DCMAKE_PREFIX_PATH=" + prefix +
                 " -DCMAKE_CXX_FLAGS_INIT='-Wall -Wextra -Werror'" + flags));
  ASSERT_TRUE(sh(SCANFLOW_CMAKE " --build " + build));
  ASSERT_TRUE(sh(SCANFLOW_CTEST " --test-dir " + build + " --output-on-failure --no-tests=error"));

  const loader::SearchPath path{.directories = {build}, .worker = {}, .cache = {}};
  out.str("");
  EXPECT_EQ(cli::plugin_list(path, output), 0) << err.str();
  EXPECT_NE(out.str().find("acme.my-" + kind), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("acme_my_" + kind + "_plugin.so"), std::string::npos) << out.str();

  ASSERT_TRUE(sh(SCANFLOW_CMAKE " --install " + build + " --prefix " + prefix));
  EXPECT_TRUE(fs::exists(prefix + "/lib/scanflow/plugins/acme_my_" + kind + "_plugin.plugin.json"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, PluginNew, testing::Values("step", "trigger", "strategy"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace scanflow
