#include "sidecar/app/config.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace scanflow::sidecar {
namespace {

using Variables = std::map<std::string, std::string>;

Result<Config> read(const Variables& variables) {
  return read_config([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

const Variables kLocal = {{"SCANFLOW_HUB", "ipc:///run/hub"},
                          {"SCANFLOW_POD_UID", "pod-1"},
                          {"SCANFLOW_SIDECAR_DIR", "/scanflow/sidecar"},
                          {"SCANFLOW_SIDECAR_SOCKET", "/scanflow/sidecar.sock"}};

TEST(SidecarConfig, ReadsWhatItIsTold) {
  Variables variables = kLocal;
  variables["SCANFLOW_GRACE"] = "3s";
  variables["SCANFLOW_VOLUMES"] = "/data:/scanflow";
  variables["SCANFLOW_RULES"] = "memory_bytes > 1Gi -> pause\nthreads > 100 -> dump\n";
  const auto config = read(variables);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pod_name, "pod-1") << "not the uid where no name is given";
  EXPECT_EQ(config->grace_us, 3'000'000);
  EXPECT_EQ(config->volumes, (std::vector<std::string>{"/data", "/scanflow"}));
  EXPECT_EQ(config->rules.size(), 2U);
}

TEST(SidecarConfig, WatchesForAnOomUnlessToldOtherwise) {
  EXPECT_EQ(read(kLocal)->rules.size(), 1U);
  Variables none = kLocal;
  none["SCANFLOW_RULES"] = "";
  EXPECT_TRUE(read(none)->rules.empty());
}

TEST(SidecarConfig, SaysAllThatIsWrongAtOnce) {
  const auto config = read({{"SCANFLOW_HUB", "http://hub"},
                            {"SCANFLOW_SIDECAR_DIR", "here"},
                            {"SCANFLOW_SIDECAR_SOCKET", "/s"},
                            {"SCANFLOW_GRACE", "soon"},
                            {"SCANFLOW_RULES", "memory > lots"},
                            {"SCANFLOW_ADMIN_SHUTDOWN", "yes"}});
  ASSERT_FALSE(config);
  const std::string& said = config.error().message;
  for (const char* part :
       {"SCANFLOW_HUB must begin with ipc:/// or tcp://, not 'http://hub'",
        "SCANFLOW_POD_UID is not set", "SCANFLOW_SIDECAR_DIR must be an absolute path, not 'here'",
        "SCANFLOW_GRACE ", "SCANFLOW_RULES ", "SCANFLOW_ADMIN_SHUTDOWN is 0 or 1, not 'yes'"}) {
    EXPECT_NE(said.find(part), std::string::npos) << part << "\nis not in\n" << said;
  }
}

TEST(SidecarConfig, TcpNeedsKeys) {
  const test::TempDir directory;
  Variables variables = kLocal;
  variables["SCANFLOW_HUB"] = "tcp://hub:4190";
  EXPECT_NE(read(variables).error().message.find("SCANFLOW_HUB_KEY is not set"), std::string::npos);
  variables["SCANFLOW_HUB_KEY"] = variables["SCANFLOW_KEY"] = std::string(40, 'k');
  variables["SCANFLOW_SECRET_KEY_FILE"] = (directory.path() / "key").string();
  EXPECT_NE(read(variables).error().message.find("SCANFLOW_SECRET_KEY_FILE"), std::string::npos);
  test::write(directory.path() / "key", std::string(40, 's') + "\n");
  const auto config = read(variables);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->hub.secret_key, std::string(40, 's'));
  variables.erase("SCANFLOW_SECRET_KEY_FILE");
  variables["SCANFLOW_SECRET_KEY"] = "short";
  EXPECT_NE(read(variables).error().message.find("SCANFLOW_SECRET_KEY is no Z85 key"),
            std::string::npos);
  variables["SCANFLOW_SECRET_KEY"] = std::string(40, 't');
  EXPECT_EQ(read(variables)->hub.secret_key, std::string(40, 't'));
}

}  // namespace
}  // namespace scanflow::sidecar
