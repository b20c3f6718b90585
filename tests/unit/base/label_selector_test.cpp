#include "sdk/base/label_selector.hpp"

#include <gtest/gtest.h>

namespace scanflow {
namespace {

bool selects(std::string_view text, const Labels& labels) {
  const auto selector = LabelSelector::parse(text);
  EXPECT_TRUE(selector) << selector.error().message;
  return selector && selector->matches(labels);
}

std::string refusal(std::string_view text) {
  const auto selector = LabelSelector::parse(text);
  return selector ? "parsed" : selector.error().message;
}

const Labels kLabels{
    {"team", "data"}, {"tier", "gpu"}, {"scanflow.dev/app", "mnist"}, {"flag", ""}};

TEST(LabelSelector, OfNothingSelectsEverything) {
  for (const char* blank : {"", "  ", "\t"}) {
    EXPECT_TRUE(LabelSelector::parse(blank).value().empty());
    EXPECT_TRUE(selects(blank, kLabels));
    EXPECT_TRUE(selects(blank, {}));
  }
  EXPECT_FALSE(LabelSelector::parse("a").value().empty());
}

TEST(LabelSelector, Equality) {
  EXPECT_TRUE(selects("team=data", kLabels));
  EXPECT_TRUE(selects("team==data", kLabels));
  EXPECT_FALSE(selects("team=science", kLabels));
  EXPECT_FALSE(selects("nothing=data", kLabels));
  EXPECT_FALSE(selects("team!=data", kLabels));
  EXPECT_TRUE(selects("team!=science", kLabels));
  EXPECT_TRUE(selects("nothing!=data", kLabels)) << "as in Kubernetes";
  EXPECT_TRUE(selects("scanflow.dev/app=mnist", kLabels));
}

TEST(LabelSelector, Sets) {
  EXPECT_TRUE(selects("team in (science,data)", kLabels));
  EXPECT_FALSE(selects("team in (science)", kLabels));
  EXPECT_FALSE(selects("nothing in (science)", kLabels));
  EXPECT_FALSE(selects("team notin (science, data)", kLabels));
  EXPECT_TRUE(selects("team notin (science)", kLabels));
  EXPECT_TRUE(selects("nothing notin (science)", kLabels));
}

TEST(LabelSelector, Presence) {
  EXPECT_TRUE(selects("team", kLabels));
  EXPECT_TRUE(selects("flag", kLabels)) << "its value is empty, but it is there";
  EXPECT_FALSE(selects("nothing", kLabels));
  EXPECT_FALSE(selects("!team", kLabels));
  EXPECT_TRUE(selects("!nothing", kLabels));
  EXPECT_TRUE(selects("! nothing", kLabels));
}

TEST(LabelSelector, EmptyValues) {
  EXPECT_TRUE(selects("flag=", kLabels));
  EXPECT_FALSE(selects("team=", kLabels));
  EXPECT_TRUE(selects("flag=,team=data", kLabels));
  EXPECT_TRUE(selects("flag in (x,)", kLabels));
  EXPECT_FALSE(selects("flag!=", kLabels));
}

TEST(LabelSelector, AllRequirementsMustHold) {
  EXPECT_TRUE(selects("team=data,tier in (cpu,gpu),!nothing", kLabels));
  EXPECT_FALSE(selects("team=data,tier=cpu", kLabels));
  EXPECT_FALSE(selects("team=data,team=science", kLabels));
}

TEST(LabelSelector, BlanksDoNotMatter) {
  EXPECT_TRUE(selects("  team = data ,tier  in( cpu , gpu ) , ! nothing ", kLabels));
  EXPECT_TRUE(selects("team notin(science)", kLabels));
}

TEST(LabelSelector, WordsOfTheSyntaxMayBeKeysAndValues) {
  EXPECT_TRUE(selects("in=notin", {{"in", "notin"}}));
  EXPECT_TRUE(selects("in in (in)", {{"in", "in"}}));
  EXPECT_TRUE(selects("notin", {{"notin", "x"}}));
}

TEST(LabelSelector, RequirementsThatAreNotTextTakeAnyValue) {
  using Is = LabelSelector::Is;
  LabelSelector selector = LabelSelector::parse("team").value();
  selector.require("step", Is::among, {"train[model=cnn1,lr=0.01]", "two words"});
  selector.require("", Is::absent);
  EXPECT_TRUE(selector.matches(Labels{{"team", ""}, {"step", "train[model=cnn1,lr=0.01]"}}));
  EXPECT_TRUE(selector.matches(Labels{{"team", ""}, {"step", "two words"}}));
  EXPECT_FALSE(selector.matches(Labels{{"team", ""}, {"step", "two"}}));
  EXPECT_FALSE(selector.matches(Labels{{"step", "two words"}}));
  EXPECT_FALSE(selector.matches(Labels{{"", "x"}, {"team", ""}, {"step", "two words"}}));
}

TEST(LabelSelector, LabelsMayBeKeptInAnyWay) {
  const LabelSelector selector = LabelSelector::parse("a=1,b!=2,!c").value();
  const auto matches = [&](std::string_view a, std::optional<std::string_view> b) {
    return selector.matches([=](const std::string& key) -> std::optional<std::string_view> {
      if (key == "a") return a;
      return key == "b" ? b : std::nullopt;
    });
  };
  EXPECT_TRUE(matches("1", std::nullopt));
  EXPECT_TRUE(matches("1", "3"));
  EXPECT_FALSE(matches("1", "2"));
  EXPECT_FALSE(matches("2", "3"));
}

TEST(LabelSelector, ErrorsSayWhatAndWhere) {
  EXPECT_EQ(refusal("team in science"),
            "label selector 'team in science', character 9: 'science' where '(' should open the "
            "values, as in team in (x,y)");
  EXPECT_EQ(refusal("team notin"),
            "label selector 'team notin', character 11: it ends where '(' should open the values, "
            "as in team notin (x,y)");
  EXPECT_EQ(refusal("a=b,team is data"),
            "label selector 'a=b,team is data', character 10: 'is' is no operator; there are =, "
            "==, !=, in and notin, and a comma stands between requirements");
  EXPECT_EQ(refusal("size>3"),
            "label selector 'size>3', character 5: '>' is no operator; there are =, ==, !=, in "
            "and notin, and a comma stands between requirements");
  EXPECT_EQ(refusal("a=b c=d"),
            "label selector 'a=b c=d', character 5: 'c' where a comma or the end should be");
  EXPECT_EQ(refusal("a,"),
            "label selector 'a,', character 3: it ends where the key of a label should be");
  EXPECT_EQ(refusal("a,,b"),
            "label selector 'a,,b', character 3: ',' where the key of a label should be");
  EXPECT_EQ(refusal("=b"),
            "label selector '=b', character 1: '=' where the key of a label should be");
  EXPECT_EQ(refusal("a in (b c)"),
            "label selector 'a in (b c)', character 9: 'c' where a comma or ')' should be");
  EXPECT_EQ(refusal("a in (b"),
            "label selector 'a in (b', character 8: it ends where a comma or ')' should be");
  EXPECT_EQ(refusal("a in ()"),
            "label selector 'a in ()', character 7: there is no value between the parentheses");
}

TEST(LabelSelector, KeysAndValuesAreThoseOfKubernetes) {
  const std::string rule = " letters, digits and -_. with a letter or digit at both ends";
  EXPECT_EQ(refusal("-a"),
            "label selector '-a', character 1: '-a' is no key: that is a name, or "
            "prefix/name, of at most 63" +
                rule);
  EXPECT_EQ(refusal("a=-b"),
            "label selector 'a=-b', character 3: '-b' is no value: those have at most 63" + rule);
  EXPECT_EQ(refusal(std::string(63, 'k') + "=" + std::string(63, 'v')), "parsed");
  EXPECT_EQ(refusal(std::string(253, 'p') + "/k"), "parsed");
  for (const std::string& bad :
       {std::string(64, 'k'), "a=" + std::string(64, 'v'), std::string(254, 'p') + "/k",
        std::string("/k"), std::string("p/"), std::string("P/k"), std::string("p/q/k"),
        std::string("a=b/c"), std::string("a=b\"c"), std::string("a=\xc3\xa4")}) {
    EXPECT_NE(refusal(bad), "parsed") << bad;
  }
}

}  // namespace
}  // namespace scanflow
