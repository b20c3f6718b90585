#include "engine/inject/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Row {
  std::string name, value, error;
};

TEST(Settings, AnErrorSaysWhatIsAllowed) {
  for (const Row& row : std::vector<Row>{
           {"inject", "yes", "'yes' is not allowed; it takes enabled or disabled"},
           {"shape", "init", "'init' is not allowed; it takes native or plain"},
           {"image", "a b", "it takes the name of an image"},
           {"image", "", "it takes the name of an image"},
           {"image-pull-policy", "always", "it takes Always, IfNotPresent or Never"},
           {"hub", "hub:4190", "it takes tcp://HOST:PORT"},
           {"hub", "tcp://:4190", "it takes tcp://HOST:PORT"},
           {"hub", "tcp://hub", "it takes tcp://HOST:PORT"},
           {"hub", "tcp://hub:0", "it takes tcp://HOST:PORT"},
           {"hub", "tcp://hub:99999", "it takes tcp://HOST:PORT"},
           {"hub-secret", "My_Secret", "it takes the name of a Secret"},
           {"containers", " , ", "it takes names of containers"},
           {"admin", "http", "it takes PORT (on localhost), ADDRESS:PORT or none"},
           {"admin", "70000", "it takes PORT"},
           {"rules", "memory > lots", "memory"},
           {"grace", "soon", "soon"},
           {"cpu-request", "0", "it takes processors, such as 5m or 0.1"},
           {"cpu-limit", "much", "it takes processors"},
           {"memory-request", "12 MB", "it takes bytes, such as 32Mi"},
           {"memory-limit", "8Mi", "memory-request 16Mi is more than memory-limit 8Mi"},
           {"cpu-limit", "1m", "cpu-request 5m is more than cpu-limit 1m"}}) {
    json pod = simple_pod();
    pod["metadata"]["annotations"] = {{"scanflow.dev/" + row.name, row.value}};
    const auto patch = inject(pod, "", defaults("1"));
    ASSERT_FALSE(patch) << row.name << " " << row.value;
    EXPECT_THAT(patch.error().message, HasSubstr("Pod p: ")) << row.name;
    EXPECT_THAT(patch.error().message, HasSubstr(row.error)) << row.name;
  }
}

TEST(Settings, AllErrorsOfOnePodAreSaid) {
  json annotations = {{"scanflow.dev/shape", "x"}, {"scanflow.dev/grace", true}, {"other", 1}};
  const auto read = with_annotations(defaults("1"), annotations);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("scanflow.dev/shape: 'x'"));
  EXPECT_THAT(read.error().message, HasSubstr("scanflow.dev/grace is true, and must be text"));
}

TEST(Settings, AMisspeltOneIsAWarning) {
  const auto read = with_annotations(
      defaults("1"), {{"scanflow.dev/memory-limt", "1Gi"}, {"scanflow.dev/zzz", "1"}});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->warnings.size(), 2U);
  EXPECT_THAT(read->warnings[0], HasSubstr("did you mean 'scanflow.dev/memory-limit'?"));
  EXPECT_THAT(read->warnings[1], HasSubstr("there are injected, inject, shape"));
  EXPECT_EQ(read->settings.memory_limit, "32Mi");
}

TEST(Settings, NoneTakesALimitAway) {
  Settings settings = defaults("1");
  settings.cpu_limit = "1";
  settings.admin = "127.0.0.1:1";
  const auto read = with_annotations(
      settings, {{"scanflow.dev/cpu-limit", "none"}, {"scanflow.dev/admin", "none"}});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->settings.cpu_limit, "");
  EXPECT_EQ(read->settings.admin, "");
}

/// Whoever changes the table changes the README, and the defaults that it states.
TEST(Settings, TheReadmeHasTheTable) {
  const std::string readme = test::read(std::filesystem::path(SCANFLOW_SOURCE_DIR) / "README.md");
  EXPECT_THAT(readme, HasSubstr(markdown()));
  const Settings initial = defaults("VERSION");
  for (const auto& expected :
       std::vector<std::pair<std::string, std::string>>{{"image", initial.image},
                                                        {"hub", initial.hub},
                                                        {"hub-secret", initial.hub_secret},
                                                        {"cpu-request", initial.cpu_request},
                                                        {"memory-request", initial.memory_request},
                                                        {"memory-limit", initial.memory_limit}}) {
    const auto found = std::find_if(table().begin(), table().end(), [&](const Setting& each) {
      return each.name == expected.first;
    });
    ASSERT_NE(found, table().end());
    EXPECT_EQ(found->initial, "`" + expected.second + "`");
  }
}

}  // namespace
}  // namespace scanflow::inject
