// What is applied, planned, looked up and removed, without an engine; and what a submission pins.
#include "engine/runtime/registry.hpp"

#include <gmock/gmock.h>

#include "engine/runtime/submission.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;

std::string text_of(const std::string& name, const std::string& step) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name +
         ", labels: {tier: x}}\nsteps: [{name: a, " + step + "}]\n";
}

class RegistryTest : public testing::Test {
 protected:
  Result<json> apply(const std::vector<std::string>& texts, const std::string& name_space = "") {
    ApplyRequest request;
    for (const std::string& text : texts) request.texts.push_back({"f.yaml", text});
    request.name_space = name_space;
    return apply_documents(*store_, *catalog_, request);
  }
  /// "name@version outcome" of each.
  std::string outcomes(const std::vector<std::string>& texts) {
    const auto applied = apply(texts);
    if (!applied) return applied.error().message;
    std::string said;
    for (const json& each : applied->at("documents")) {
      said += each.at("name").get<std::string>() + "@" + each.at("version").dump() + " " +
              each.at("outcome").get<std::string>() + "; ";
    }
    return said;
  }

  test::TempDir files_;
  std::unique_ptr<store::Store> store_ =
      std::move(*store::Store::open(files_.path(), store::Durability::process));
  std::shared_ptr<const loader::Catalog> catalog_ =
      std::make_shared<const loader::Catalog>(loader::Catalog::discover({}).value());
};

TEST_F(RegistryTest, AnotherTextIsAnotherVersionButLineEndsAreNot) {
  const std::string one = text_of("p", "uses: noop");
  EXPECT_EQ(outcomes({one}), "p@1 created; ");
  std::string windows;
  for (const char c : one) windows += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(outcomes({windows}), "p@1 unchanged; ");
  EXPECT_EQ(outcomes({"---\n" + one + "---\n" + text_of("q", "uses: noop")}),
            "p@1 unchanged; q@1 created; ");
  EXPECT_EQ(outcomes({one + "# a comment\n"}), "p@2 configured; ");
}

TEST_F(RegistryTest, WhatIsAppliedIsFoundWithAllThatIsKnownOfIt) {
  const json applied = apply({text_of("p", "uses: noop")}, "team").value();
  EXPECT_EQ(applied.at("documents")[0], json({{"kind", "Pipeline"},
                                              {"namespace", "team"},
                                              {"name", "p"},
                                              {"version", 1},
                                              {"outcome", "created"},
                                              {"file", "f.yaml"}}));
  const store::Document found = find_document(store_.get(), {"Pipeline", "team", "p", {}}).value();
  EXPECT_EQ(found.source, text_of("p", "uses: noop"));
  EXPECT_EQ(found.labels, R"({"tier":"x"})");
  EXPECT_EQ(found.file, "f.yaml");
  EXPECT_GT(found.created_us, 0);
  EXPECT_EQ(identity(found), "team/p@1");
}

TEST_F(RegistryTest, WhatIsNotThereIsSaidWithWhatIs) {
  const auto missing = [&](const store::DocumentName& name) {
    return find_document(store_.get(), name).error().message;
  };
  EXPECT_THAT(missing({"Pipeline", "default", "p", {}}), HasSubstr("nothing is registered yet"));
  apply({text_of("train", "uses: noop")}).value();
  EXPECT_EQ(missing({"Pipeline", "default", "tarin", {}}),
            "no pipeline 'default/tarin' is registered; did you mean 'train'?");
  EXPECT_THAT(missing({"Pipeline", "team", "train", {}}), HasSubstr("there is 'default/train'"));
  EXPECT_THAT(missing({"Pipeline", "default", "train", 2}), HasSubstr("newest version is 1"));
  EXPECT_THAT(missing({"Pipeline", "default", "other", {}}), HasSubstr("scanflow get -A"));
}

TEST_F(RegistryTest, AllOrNothingIsAppliedAndRemoved) {
  const auto wrong = apply({text_of("p", "uses: noop"), text_of("q", "uses: nop")});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("1 error; nothing was applied"));
  EXPECT_TRUE(store_->documents().value().empty());
  EXPECT_THAT(apply({text_of("p", "uses: noop")}, "No").error().message, HasSubstr("1 to 63"));
  apply({text_of("p", "uses: noop"), text_of("q", "uses: noop")}).value();
  const auto checked = check_documents(
      *store_, {{"Pipeline", "default", "p", {}}, {"Pipeline", "default", "r", {}}});
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("'default/r' is registered"));
  EXPECT_THAT(checked.error().message, HasSubstr("nothing was deleted"));
  ASSERT_TRUE(check_documents(*store_, {{"Pipeline", "default", "p", {}}}));
  EXPECT_EQ(remove_documents(*store_, {{"Pipeline", "default", "p", {}}})
                .value()["documents"][0]["versions"],
            1);
  EXPECT_EQ(store_->documents().value().size(), 1u);
}

TEST_F(RegistryTest, ASubmissionKeepsTheTextsThatItBeganWith) {
  apply({text_of("part", "uses: noop")}).value();
  apply({text_of("p", "pipeline: part}, {name: b, pipeline: default/part@1")}).value();
  apply({text_of("part", "uses: noop, description: second")}).value();
  Submission submission;
  take_registered(submission,
                  find_document(store_.get(), {"Pipeline", "default", "p", {}}).value());
  ASSERT_TRUE(collect_sources(submission, *catalog_, find_in(store_.get())));
  apply({text_of("part", "uses: noop, description: third")}).value();
  const Submission again = submission_from_json(json::parse(to_json(submission).dump()));
  const auto prepared = prepare(again, catalog_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  const auto& calls = prepared->plan->pipeline->calls;
  EXPECT_EQ(calls.at("part")->file, "default/part@2") << "the newest of then";
  EXPECT_THAT(calls.at("part")->source, HasSubstr("second"));
  EXPECT_EQ(calls.at("default/part@1")->file, "default/part@1");
  EXPECT_EQ(again.version, 1u);
}

TEST_F(RegistryTest, ACallOfWhatIsNotRegisteredTellsWhy) {
  Submission submission;
  submission.file = "f.yaml";
  submission.source = text_of("p", "pipeline: prat");
  apply({text_of("part", "uses: noop")}).value();
  EXPECT_THAT(collect_sources(submission, *catalog_, find_in(store_.get())).error().message,
              HasSubstr("did you mean 'part'?"));
  EXPECT_THAT(collect_sources(submission, *catalog_, find_in(nullptr)).error().message,
              HasSubstr("nothing is registered yet"));
  EXPECT_THAT(prepare(submission, catalog_).error().message,
              HasSubstr("default/prat did not come with the pipeline"));
}

}  // namespace
}  // namespace scanflow::runtime
