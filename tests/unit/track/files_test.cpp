// Files of runs and models.
#include <filesystem>
#include <future>

#include "engine/store/garbage.hpp"
#include "sdk/base/digest.hpp"
#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::HasSubstr;

class Files : public Tracking {
 protected:
  Answer<void> put(const std::string& path, const std::string& content) {
    const auto source = directory_ / "upload";
    std::filesystem::remove(source);
    test::write(source, content);
    return tracker_->put_file(path, source, sha256_hex(content));
  }
  std::string content(const std::string& path) {
    const auto file = tracker_->file(path);
    if (!file) return name_of(file.error().code) + (": " + file.error().message);
    return file->path.empty() ? file->text : test::read(file->path);
  }
  json list(const std::string& folder) {
    return json::parse(tracker_->list_files(folder).value()).at("files");
  }
  static json file_entry(const std::string& name, int bytes) {
    return {{"path", name}, {"is_dir", false}, {"file_size", bytes}};
  }
  static json folder_entry(const std::string& name) { return {{"path", name}, {"is_dir", true}}; }
  std::string registered(const std::string& sha256) {
    return std::to_string(store_
                              ->register_model({.name = "cnn",
                                                .sha256 = sha256,
                                                .run = "run",
                                                .step = "register",
                                                .attempt = 1,
                                                .time_us = 1'700'000'000'123'000,
                                                .metrics = "{}",
                                                .tags = "{}",
                                                .lineage = "{}"})
                              .value()
                              .version);
  }
};

TEST_F(Files, ArePutReplacedListedAndRemoved) {
  for (const char* path : {"0/r/artifacts/a.txt", "0/r/artifacts/model/MLmodel",
                           "0/r/artifacts/model/data/w.pt", "0/r/artifacts/model.txt", "1/x"})
    ASSERT_TRUE(put(path, path)) << path;
  EXPECT_EQ(content("0/r/artifacts/a.txt"), "0/r/artifacts/a.txt");
  ASSERT_TRUE(put("0/r/artifacts/a.txt", "new"));
  EXPECT_EQ(content("0/r/artifacts/a.txt"), "new");
  EXPECT_EQ(list("0/r/artifacts"),
            json({file_entry("a.txt", 3), file_entry("model.txt", 23), folder_entry("model")}));
  EXPECT_EQ(list("0/r/artifacts/model"), json({file_entry("MLmodel", 27), folder_entry("data")}));
  EXPECT_EQ(list(""), json({folder_entry("0"), folder_entry("1")}));
  EXPECT_EQ(list("nothing"), json::array());
  EXPECT_EQ(list("0/r/artifacts/a.txt"), json::array());
  EXPECT_EQ(tracker_->remove_files("0/r/artifacts/model").value(), 2);
  EXPECT_EQ(tracker_->remove_files("0/r/artifacts/model").value(), 0);
  EXPECT_EQ(list("0/r/artifacts"), json({file_entry("a.txt", 3), file_entry("model.txt", 23)}));
  EXPECT_THAT(content("0/r/artifacts/model/MLmodel"), HasSubstr("RESOURCE_DOES_NOT_EXIST"));
}

TEST_F(Files, AFileIsNoFolder) {
  ASSERT_TRUE(put("0/a/b", "1"));
  EXPECT_THAT(put("0/a", "2").error().message, HasSubstr("'0/a' is a folder"));
  EXPECT_THAT(put("0/a/b/c", "2").error().message, HasSubstr("'0/a/b' is a file"));
  EXPECT_TRUE(put("0/a/b0", "2"));
  EXPECT_TRUE(put("0/a!", "2"));
}

TEST_F(Files, OfRunsAreListedAsCallsOfMlflowDo) {
  const std::string id = run(experiment("e"));
  const std::string root = "1/" + id + "/artifacts";
  ASSERT_TRUE(put(root + "/m/f", "12"));
  const json all = ok("artifacts/list", {{"run_id", id}});
  EXPECT_EQ(all.at("root_uri"), "mlflow-artifacts:/" + root);
  EXPECT_EQ(all.at("files"), json::array({folder_entry("m")}));
  EXPECT_EQ(ok("artifacts/list", {{"run_id", id}, {"path", "m"}}).at("files"),
            json::array({file_entry("m/f", 2)}));
  EXPECT_THAT(problem("artifacts/list", {{"run_id", id}, {"path", "../x"}}),
              HasSubstr("leads out"));
  const std::string elsewhere =
      ok("experiments/create", {{"name", "s3"}, {"artifact_location", "s3://b"}})
          .at("experiment_id");
  EXPECT_THAT(problem("artifacts/list", {{"run_id", run(elsewhere)}}),
              HasSubstr("INVALID_PARAMETER_VALUE: what lies at s3://b"));
}

TEST_F(Files, ModelsOfPipelinesAreFolders) {
  const std::string weights = "PK\x03\x04 weights";
  test::write(directory_ / "w", weights);
  const std::string sha256 = artifacts_.put(directory_ / "w").value().sha256;
  const std::string version = registered(sha256), root = "models/cnn/" + version;
  EXPECT_EQ(ok("model-versions/get-download-uri", {{"name", "cnn"}, {"version", version}})
                .at("artifact_uri"),
            "mlflow-artifacts:/" + root);
  EXPECT_EQ(list(root).size(), 2u) << list(root);
  EXPECT_EQ(content(root + "/weights.pt"), weights);
  EXPECT_EQ(content(root + "/MLmodel"),
            "flavors:\n  scanflow:\n    data: weights.pt\n    sha256: " + sha256 +
                "\nmodel_uuid: " + sha256.substr(0, 32) +
                "\nutc_time_created: '2023-11-14 22:13:20.123'\n");
  EXPECT_THAT(content(root), HasSubstr("there is no artifact"));
  EXPECT_THAT(content("models/cnn/9/MLmodel"), HasSubstr("model 'cnn' has no version 9"));
  EXPECT_THAT(put(root + "/MLmodel", "x").error().message, HasSubstr("never changes"));
  EXPECT_THAT(tracker_->remove_files(root).error().message, HasSubstr("delete that version"));
}

TEST_F(Files, ADirectoryThatAStepHasRegisteredToo) {
  test::write(directory_ / "d/config.json", "{}");
  test::write(directory_ / "d/layers/one.bin", "1");
  const std::string version = registered(artifacts_.put(directory_ / "d").value().sha256);
  const std::string root = "models/cnn/" + version;
  EXPECT_EQ(list(root).at(1), file_entry("config.json", 2));
  EXPECT_EQ(list(root).at(2), folder_entry("layers"));
  EXPECT_EQ(list(root + "/layers"), json::array({file_entry("one.bin", 1)}));
  EXPECT_EQ(content(root + "/layers/one.bin"), "1");
}

TEST_F(Files, OfAPipelinesRunTheyGoWithItUnlessAModelIsMadeOfThem) {
  for (const std::string run : {"run-one", "run-two"}) {
    std::promise<Result<void>> done;
    store_->commit(
        {.runs = {{.id = run,
                   .pipeline = "p",
                   .name_space = "n",
                   .status = "succeeded",
                   .ended_us = 1}},
         .metrics = {{.run = run, .step = "train", .name = "loss", .attempt = 1, .number = 1}}},
        [&](const Result<void>& result) { done.set_value(result); });
    ASSERT_TRUE(done.get_future().get());
  }
  const std::string experiment = ok("experiments/get-by-name", {{"experiment_name", "n/p"}})
                                     .at("experiment")
                                     .at("experiment_id");
  std::vector<std::string> roots;
  const json found = ok("runs/search", {{"experiment_ids", {experiment}},
                                        {"filter", "tags.`scanflow.step` = 'train'"},
                                        {"order_by", {"tags.`scanflow.run`"}}})
                         .at("runs");
  for (const json& each : found) {
    const std::string uri = each.at("info").at("artifact_uri");
    roots.push_back(uri.substr(uri.find('/') + 1));
    ASSERT_TRUE(put(roots.back() + "/model/w", roots.back()));
  }
  ASSERT_EQ(roots.size(), 2u);
  ok("registered-models/create", {{"name", "net"}});
  ok("model-versions/create",
     {{"name", "net"}, {"source", "mlflow-artifacts:/" + roots[1] + "/model"}});
  ASSERT_EQ(store_->delete_runs({"run-one", "run-two"}).value().size(), 2u);
  EXPECT_EQ(list(roots[0]), json::array());
  EXPECT_EQ(list(roots[1]), json::array({folder_entry("model")}));
}

TEST_F(Files, WhatIsAtAPathIsKeptAndWhatIsNotIsGarbage) {
  const std::int64_t later = 4'000'000'000'000'000;
  ASSERT_TRUE(put("0/a", "one"));
  ASSERT_TRUE(put("0/b", "two"));
  std::filesystem::remove(directory_ / "upload");
  EXPECT_EQ(store::collect_garbage(*store_, artifacts_, later).value().files, 0u);
  ASSERT_EQ(tracker_->remove_files("0/a").value(), 1);
  EXPECT_EQ(store::collect_garbage(*store_, artifacts_, later).value().files, 1u);
  EXPECT_EQ(content("0/b"), "two");
}

}  // namespace
}  // namespace scanflow::track
