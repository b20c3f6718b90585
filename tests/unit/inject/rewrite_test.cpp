// Streams of documents: how they are taken apart, and what stays as it was.
#include "engine/inject/rewrite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/inject/yaml.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> all;
  std::string together;
  for (const Document& each : split(text)) {
    const char* format = each.format == Format::json      ? "json"
                         : each.format == Format::nothing ? "nothing"
                                                          : "yaml";
    all.push_back(std::to_string(each.line) + " " + format);
    together += each.text;
  }
  EXPECT_EQ(together, text) << "something is in no document";
  return all;
}

TEST(Split, TakesDocumentsApart) {
  EXPECT_THAT(parts(""), ElementsAre());
  EXPECT_THAT(parts("\n# a\n"), ElementsAre("1 nothing"));
  EXPECT_THAT(parts("a: 1"), ElementsAre("1 yaml"));
  EXPECT_THAT(parts("a: 1\n---\nb: 2\n"), ElementsAre("1 yaml", "2 yaml"));
  EXPECT_THAT(parts("---\r\na: 1\r\n---\r\n---\r\n"),
              ElementsAre("1 yaml", "3 nothing", "4 nothing"));
  EXPECT_THAT(parts("a: |\n ---\n---x: 1\n"), ElementsAre("1 yaml")) << "---x is text";
  EXPECT_THAT(parts("a: 1\n...\n# end\n...\nb: 1\n"), ElementsAre("1 yaml", "3 nothing", "5 yaml"));
  EXPECT_THAT(parts("%YAML 1.2\n---\na: 1\n"), ElementsAre("1 nothing", "2 yaml"));
  EXPECT_THAT(parts("--- {\"a\": 1}\n--- {a: 1}\n"), ElementsAre("1 json", "2 yaml"));
  EXPECT_THAT(parts("{\"a\": \"}\"}{\"b\": 1}\n\n {\"c\": 1}\n"),
              ElementsAre("1 json", "1 json", "1 json"));
  EXPECT_THAT(parts("\xef\xbb\xbf{\"a\": 1}\n"), ElementsAre("1 json"));
  EXPECT_THAT(parts("{\"a\": 1"), ElementsAre("1 yaml")) << "YAML's reader says what is wrong";
}

TEST(Rewrite, FindsAllErrorsAndSaysWhere) {
  const Rewritten done =
      rewrite("f.yaml",
              "a: [\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n"
              "  annotations: {scanflow.dev/shape: round}\nspec: {}\n---\nb: {\n",
              injecting(defaults("1")));
  ASSERT_EQ(done.errors.size(), 3U);
  EXPECT_THAT(done.errors[0], HasSubstr("f.yaml:2:1: not valid YAML"));
  EXPECT_EQ(done.errors[1],
            "f.yaml:3: Pod p: the annotation scanflow.dev/shape: 'round' is not allowed; it takes "
            "native or plain");
  EXPECT_THAT(done.errors[2], HasSubstr("f.yaml:11:1: not valid YAML"));
}

TEST(Rewrite, RefusesWhatIsNoText) {
  for (const auto& [text, place] :
       std::vector<std::pair<std::string, std::string>>{{"a: \xff\n", "f:1:4: "},
                                                        {"a: 1\nb: \xc3", "f:2:4: "},
                                                        {"\xff\xfe"
                                                         "a",
                                                         "f:1:1: "}}) {
    const Rewritten done = rewrite("f", text, injecting(defaults("1")));
    ASSERT_EQ(done.errors.size(), 1U);
    EXPECT_THAT(done.errors[0], HasSubstr(place + "no UTF-8 text"));
  }
}

TEST(Rewrite, JsonStaysJson) {
  const std::string out = rewritten(simple_pod().dump(), injecting(defaults("1")));
  EXPECT_EQ(json::parse(out), injected(simple_pod(), defaults("1")));
  EXPECT_THAT(out, HasSubstr("\n    \"kind\": \"Pod\""));
}

TEST(Rewrite, LeavesCommentsOfOtherDocuments) {
  const std::string other = "# first\nkind: ConfigMap # a\napiVersion: v1\n";
  const std::string pod = "---\n# gone\n" + write_yaml(from_json(simple_pod()));
  const std::string out = rewritten(other + pod + "---\n" + other, injecting(defaults("1")));
  EXPECT_TRUE(out.starts_with(other + "---\napiVersion: v1\nkind: Pod\n")) << out;
  EXPECT_TRUE(out.ends_with("---\n" + other)) << out;
}

TEST(Rewrite, ADocumentWithoutALineEndGetsOne) {
  const std::string out =
      rewritten("{\"kind\": \"X\"}" + simple_pod().dump(), injecting(defaults("1")));
  EXPECT_TRUE(out.starts_with("{\"kind\": \"X\"}\n{\n")) << out.substr(0, 40);
}

TEST(Rewrite, GivesObjectsWhereTheyAreAskedFor) {
  const Rewritten done = rewrite("f", "# a\n---\nkind: X\nn: 0o14\n---\n" + simple_pod().dump(),
                                 injecting(defaults("1")), true);
  EXPECT_EQ(done.objects,
            json::array({json{{"kind", "X"}, {"n", 12}}, injected(simple_pod(), defaults("1"))}));
}

TEST(Joined, PutsMarksWhereTheyAreNeeded) {
  EXPECT_EQ(joined({"a: 1"}), "a: 1");
  EXPECT_EQ(joined({"a: 1", "---\nb: 2\n", "", "c: 3\n"}), "---\na: 1\n---\nb: 2\n---\nc: 3\n");
}

}  // namespace
}  // namespace scanflow::inject
