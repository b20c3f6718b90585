#include "engine/kube/json_path.hpp"

#include <gmock/gmock.h>

namespace scanflow::kube {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kObject = json::parse(R"({"metadata": {"labels": {"app.kubernetes.io/name": "web"}},
  "status": {"phase": "Running", "ports": [80, 443], "n": 0,
             "conditions": [{"type": "Ready", "status": "False"}, {"type": "Ready", "status": "True"},
                            {"type": "X", "of": {"kind": 3}, "status": "Unknown"}]}})");

json find(const char* path) {
  const auto parsed = JsonPath::parse(path);
  return parsed ? parsed->find(kObject) : json(parsed.error().message);
}

TEST(JsonPath, FindsOneValue) {
  EXPECT_EQ(find("{.status.phase}"), "Running");
  EXPECT_EQ(find(".status.phase"), "Running");
  EXPECT_EQ(find("{$.status['phase']}"), "Running");
  EXPECT_EQ(find("{.status.ports[1]}"), 443);
  EXPECT_EQ(find("{.status.ports[-1]}"), 443);
  EXPECT_EQ(find("{.metadata.labels['app.kubernetes.io/name']}"), "web");
  EXPECT_EQ(find("{.metadata.labels.app\\.kubernetes\\.io/name}"), "web");
  EXPECT_EQ(find("{.status.conditions[?(@.type==\"Ready\")].status}"), "False") << "the first";
  EXPECT_EQ(find("{.status.conditions[?(@.of.kind == 3)].status}"), "Unknown");
}

TEST(JsonPath, IsNullWhereThereIsNone) {
  for (const char* path :
       {"{.spec}", "{.status.phase.x}", "{.status.ports[2]}", "{.status.ports[-3]}", "{.status[0]}",
        "{.status.ports.x}", "{.status.conditions[?(@.type=='Y')].status}",
        "{.status.phase[?(@.a=='b')]}"})
    EXPECT_TRUE(find(path).is_null()) << path;
}

TEST(JsonPath, SaysWhatIsWrong) {
  const auto said = [](const char* path) { return find(path).get<std::string>(); };
  EXPECT_THAT(said("{.status.phase"), HasSubstr("'}' is missing at character 15"));
  EXPECT_THAT(said("{.status..phase}"), HasSubstr("a name is missing"));
  EXPECT_THAT(said("{status}"), HasSubstr("'.' or '[' is missing"));
  EXPECT_THAT(said("{.ports[*]}"), HasSubstr("no '*'"));
  EXPECT_THAT(said("{.ports[0}"), HasSubstr("']' is missing"));
  EXPECT_THAT(said("{.a['b]}"), HasSubstr("the quote does not end"));
  EXPECT_THAT(said("{.c[?(@.type)]}"), HasSubstr("'.name==' is missing"));
  EXPECT_THAT(said("{.c[?(@.type=='x'].y}"), HasSubstr("')]' is missing"));
  EXPECT_THAT(said("{.a} b"), HasSubstr("nothing may follow"));
  EXPECT_THAT(said(""), HasSubstr("it names nothing"));
}

}  // namespace
}  // namespace scanflow::kube
