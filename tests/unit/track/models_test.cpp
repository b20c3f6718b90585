// Registered models, their versions, aliases, stages and tags, also those that steps have registered.
#include <gmock/gmock.h>

#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Models : public Tracking {
 protected:
  json model(const std::string& name = "cnn") {
    return ok("registered-models/get", {{"name", name}}).at("registered_model");
  }
  json version(const json& number, const std::string& name = "cnn") {
    return ok("model-versions/get", {{"name", name}, {"version", number}}).at("model_version");
  }
  void create(const std::string& name = "cnn") { ok("registered-models/create", {{"name", name}}); }
  std::string add(const std::string& name = "cnn") {
    return ok("model-versions/create",
              {{"name", name}, {"source", "mlflow-artifacts:/0/r/artifacts/m"}, {"run_id", "r"}})
        .at("model_version")
        .at("version");
  }
  /// "1 3": the versions that a search finds, in its order.
  std::vector<std::string> found(const json& request) {
    std::vector<std::string> all;
    const json answer = ok("model-versions/search", request);
    for (const json& each : answer.at("model_versions"))
      all.push_back(each.at("name").get<std::string>() + each.at("version").get<std::string>());
    return all;
  }
};

TEST_F(Models, AreMadeChangedRenamedAndDeleted) {
  const json made =
      ok("registered-models/create", {{"name", "cnn"},
                                      {"description", "reads digits"},
                                      {"tags", {{{"key", "team"}, {"value", "ds"}}}}});
  EXPECT_EQ(made.at("registered_model"), json({{"name", "cnn"},
                                               {"creation_timestamp", 1000},
                                               {"last_updated_timestamp", 1000},
                                               {"description", "reads digits"},
                                               {"latest_versions", json::array()},
                                               {"tags", {{{"key", "team"}, {"value", "ds"}}}},
                                               {"aliases", json::array()}}));
  EXPECT_EQ(problem("registered-models/create", {{"name", "cnn"}}),
            "RESOURCE_ALREADY_EXISTS: the registered model 'cnn' exists already");
  EXPECT_THAT(problem("registered-models/create", {{"name", "a/b"}}),
              HasSubstr("have a meaning in models:/NAME@ALIAS"));
  now_ms_ = 2'000;
  ok("registered-models/update", {{"name", "cnn"}, {"description", "better"}});
  add();
  ok("registered-models/rename", {{"name", "cnn"}, {"new_name", "net"}});
  EXPECT_EQ(model("net").at("description"), "better");
  EXPECT_EQ(model("net").at("last_updated_timestamp"), 2000);
  EXPECT_EQ(version("1", "net").at("name"), "net");
  ok("registered-models/delete", {{"name", "net"}});
  EXPECT_EQ(problem("registered-models/get", {{"name", "net"}}),
            "RESOURCE_DOES_NOT_EXIST: there is no registered model 'net'");
  EXPECT_THAT(found(json::object()), IsEmpty());
}

TEST_F(Models, VersionsAreNumberedAndNoNumberIsGivenTwice) {
  create();
  EXPECT_EQ(add(), "1");
  EXPECT_EQ(add(), "2");
  ok("model-versions/delete", {{"name", "cnn"}, {"version", "2"}});
  EXPECT_EQ(add(), "3");
  EXPECT_EQ(version(3), json({{"name", "cnn"},
                              {"version", "3"},
                              {"creation_timestamp", 1000},
                              {"last_updated_timestamp", 1000},
                              {"user_id", ""},
                              {"current_stage", "None"},
                              {"description", ""},
                              {"source", "mlflow-artifacts:/0/r/artifacts/m"},
                              {"run_id", "r"},
                              {"run_link", ""},
                              {"status", "READY"},
                              {"status_message", ""},
                              {"tags", json::array()},
                              {"aliases", json::array()}}));
  EXPECT_EQ(
      ok("model-versions/get-download-uri", {{"name", "cnn"}, {"version", "1"}}).at("artifact_uri"),
      "mlflow-artifacts:/0/r/artifacts/m");
  EXPECT_EQ(problem("model-versions/get", {{"name", "cnn"}, {"version", "2"}}),
            "RESOURCE_DOES_NOT_EXIST: model 'cnn' has no version 2");
  EXPECT_EQ(problem("model-versions/get", {{"name", "cnn"}}),
            "INVALID_PARAMETER_VALUE: 'version' is missing");
  EXPECT_EQ(problem("model-versions/create", {{"name", "cnn"}}),
            "INVALID_PARAMETER_VALUE: 'source' is missing, or empty");
}

TEST_F(Models, AnAliasIsOfOneVersion) {
  create();
  add(), add();
  ok("registered-models/alias", {{"name", "cnn"}, {"alias", "champion"}, {"version", "1"}});
  ok("registered-models/alias", {{"name", "cnn"}, {"alias", "champion"}, {"version", "2"}});
  EXPECT_EQ(
      ok("registered-models/alias", {{"name", "cnn"}, {"alias", "champion"}, {"version", "2"}}),
      json::object());
  EXPECT_EQ(model().at("aliases"), json::array({{{"alias", "champion"}, {"version", "2"}}}));
  EXPECT_EQ(version(2).at("aliases"), json::array({"champion"}));
  EXPECT_EQ(version(1).at("aliases"), json::array());
  const std::pair<const char*, const char*> wrong[] = {{"latest", "the newest version already"},
                                                       {"Latest", "the newest version already"},
                                                       {"v12", "looks like a version"},
                                                       {"a b", "other characters"}};
  for (const auto& [alias, why] : wrong) {
    EXPECT_THAT(
        problem("registered-models/alias", {{"name", "cnn"}, {"alias", alias}, {"version", "1"}}),
        HasSubstr(why));
  }
  EXPECT_THAT(
      problem("registered-models/alias", {{"name", "cnn"}, {"alias", "a"}, {"version", "9"}}),
      StartsWith("RESOURCE_DOES_NOT_EXIST"));
  ok("model-versions/delete", {{"name", "cnn"}, {"version", "2"}});
  EXPECT_EQ(model().at("aliases"), json::array());
  EXPECT_EQ(problem("registered-models/alias", {{"name", "cnn"}, {"alias", "champion"}}),
            "INVALID_PARAMETER_VALUE: 'version' is missing")
      << "it is set where it is posted";
}

TEST_F(Models, StagesMoveAndMayArchiveWhatWasThere) {
  create();
  add(), add(), add();
  const auto move = [&](int number, const char* stage, bool archive = false) {
    return ok("model-versions/transition-stage", {{"name", "cnn"},
                                                  {"version", std::to_string(number)},
                                                  {"stage", stage},
                                                  {"archive_existing_versions", archive}})
        .at("model_version")
        .at("current_stage");
  };
  EXPECT_EQ(move(1, "production"), "Production") << "however it is written";
  move(2, "Production");
  EXPECT_EQ(version(1).at("current_stage"), "Production");
  move(3, "Production", true);
  EXPECT_EQ(version(1).at("current_stage"), "Archived");
  EXPECT_EQ(version(2).at("current_stage"), "Archived");
  const auto latest = [&](const json& stages) {
    std::vector<std::string> all;
    const json answer =
        ok("registered-models/get-latest-versions", {{"name", "cnn"}, {"stages", stages}});
    for (const json& each : answer.at("model_versions")) all.push_back(each.at("version"));
    return all;
  };
  EXPECT_THAT(latest(json::array()), ElementsAre("3", "2"));
  EXPECT_THAT(latest({"Archived"}), ElementsAre("2"));
  EXPECT_THAT(problem("model-versions/transition-stage",
                      {{"name", "cnn"}, {"version", "1"}, {"stage", "Live"}}),
              HasSubstr("is 'Live', and must be one of None, Staging, Production, Archived"));
}

TEST_F(Models, AreFoundByNameTagsAndWhatTheyCameFrom) {
  create("a"), create("b");
  add("a"), add("b"), add("a");
  ok("model-versions/set-tag", {{"name", "a"}, {"version", "1"}, {"key", "ok"}, {"value", "yes"}});
  ok("registered-models/set-tag", {{"name", "b"}, {"key", "team"}, {"value", "x"}});
  EXPECT_THAT(found({{"filter", "name = 'a'"}}), ElementsAre("a2", "a1"));
  EXPECT_THAT(found({{"filter", "tags.ok = 'yes'"}}), ElementsAre("a1"));
  EXPECT_THAT(found({{"filter", "run_id = 'r' AND version_number > 1"}}), ElementsAre("a2"));
  EXPECT_THAT(found({{"order_by", {"version_number DESC", "name"}}}),
              ElementsAre("a2", "a1", "b1"));
  const json models =
      ok("registered-models/search", {{"filter", "tags.team = 'x'"}}).at("registered_models");
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].at("latest_versions").at(0).at("version"), "1");
  ok("registered-models/delete-tag", {{"name", "b"}, {"key", "team"}});
  ok("model-versions/delete-tag", {{"name", "a"}, {"version", "1"}, {"key", "ok"}});
  EXPECT_THAT(found({{"filter", "tags.ok = 'yes'"}}), IsEmpty());
  const json page = ok("registered-models/search", {{"max_results", 1}});
  EXPECT_EQ(page.at("registered_models").at(0).at("name"), "a");
  EXPECT_EQ(ok("registered-models/search",
               {{"max_results", 1}, {"page_token", page.at("next_page_token")}})
                .at("registered_models")
                .at(0)
                .at("name"),
            "b");
}

TEST_F(Models, ThoseThatAStepHasRegisteredAreAmongThem) {
  const auto registered =
      store_->register_model({.name = "cnn",
                              .sha256 = std::string(64, 'a'),
                              .run = "run",
                              .step = "register",
                              .attempt = 1,
                              .time_us = 7'000,
                              .metrics = R"({"accuracy":0.98})",
                              .tags = R"({"stage":"candidate","gpu":false,"n":3})",
                              .lineage = "{}"});
  ASSERT_TRUE(registered) << registered.error().message;
  EXPECT_EQ(add(), "2");
  const json first = version(1);
  EXPECT_EQ(first.at("source"), "mlflow-artifacts:/models/cnn/1");
  EXPECT_EQ(first.at("creation_timestamp"), 7);
  EXPECT_EQ(first.at("scanflow"), json({{"sha256", std::string(64, 'a')},
                                        {"run", "run"},
                                        {"step", "register"},
                                        {"metrics", {{"accuracy", 0.98}}},
                                        {"lineage", json::object()}}));
  EXPECT_EQ(first.at("tags"), json::array({{{"key", "gpu"}, {"value", "false"}},
                                           {{"key", "n"}, {"value", "3"}},
                                           {{"key", "stage"}, {"value", "candidate"}}}));
  EXPECT_TRUE(store_->referenced_artifacts().value().contains(std::string(64, 'a')));
  ok("model-versions/delete", {{"name", "cnn"}, {"version", "1"}});
  EXPECT_FALSE(store_->referenced_artifacts().value().contains(std::string(64, 'a')));
}

}  // namespace
}  // namespace scanflow::track
