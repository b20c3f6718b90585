// report.html and model.register as the loader runs them: the built libraries, through the
// boundary.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sdk/loader/step_instance.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;

/// An engine that knows one run and one model registry.
class Host final : public loader::HostServices {
 public:
  Result<std::string> state = fail("no run here");
  Result<std::string> registered = fail("no registry here");
  std::string asked;  // of the registry
  std::vector<std::string> lines;

  std::filesystem::path path(const std::string& name) const { return directory_ / name; }

  loader::StepOutcome run(const std::string& library, const std::string& id, const json& config,
                          const std::map<std::string, std::string>& inputs = {}) {
    const auto loaded = loader::Library::load(
        std::filesystem::path(SCANFLOW_BINARY_DIR "/lib/scanflow/plugins") / (library + ".so"));
    if (!loaded) return {SCANFLOW_FAILED, loaded.error().message};
    const std::string digest(64, 'a');
    std::vector<scanflow_input> given;
    for (const auto& [name, path] : inputs) {
      given.push_back({loader::to_view(name), loader::to_view(path), loader::to_view(digest)});
    }
    loader::StepRequest request;
    request.run = "run";
    request.step = "report";
    request.inputs = given;
    loader::StepInstance instance(*this);
    const auto created = instance.create(**loaded, id, config.dump());
    return created.ok() ? instance.run(request) : created;
  }

 private:
  void log(std::int32_t, std::string_view text) override { lines.emplace_back(text); }
  void metric(std::string_view, double, std::int64_t, const std::map<std::string, std::string>&,
              bool) override {}
  void progress(double, std::string_view) override {}
  Result<std::string> artifact(std::string_view name, bool directory) override {
    const std::filesystem::path path = directory_ / std::string(name);
    if (directory) std::filesystem::create_directories(path);
    return path.string();
  }
  Result<std::string> run_state() override { return state; }
  Result<std::string> register_model(std::string_view request) override {
    asked = request;
    return registered;
  }

  test::TempDir directory_;
};

TEST(ReportStep, WritesThePageWithPictures) {
  Host host;
  json document = succeeded_run();
  write_misclassified(host.path("wrong"), 7);
  document["steps"][3]["artifacts"]["misclassified"]["path"] = host.path("wrong").string();
  host.state = document.dump();
  const auto outcome = host.run("report", "report.html", {{"title", "Digits, nightly"}});
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  std::ostringstream page;
  page << std::ifstream(host.path("report") / "index.html").rdbuf();
  const json outputs = json::parse(outcome.outputs);
  EXPECT_EQ(outputs["bytes"], page.str().size());
  EXPECT_NE(page.str().find("<h1>Digits, nightly"), std::string::npos);
  EXPECT_NE(page.str().find("evaluate: 7 of 7 shown"), std::string::npos);
  EXPECT_NE(page.str().find("data:image/png;base64,"), std::string::npos);
  EXPECT_NE(outputs["summary"].get<std::string>().find("about 6 steps"), std::string::npos);
}

TEST(ReportStep, AMissingPictureIsNoFailure) {
  Host host;
  host.state = succeeded_run().dump();  // its artifact lies nowhere
  const auto outcome = host.run("report", "report.html", json::object());
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  std::ostringstream page;
  page << std::ifstream(host.path("report") / "index.html").rdbuf();
  EXPECT_NE(page.str().find("No pictures of evaluate: /nowhere"), std::string::npos);
}

TEST(ReportStep, WithoutAnEngineItFails) {
  Host host;
  const auto outcome = host.run("report", "report.html", json::object());
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_FALSE(outcome.error.empty());
}

TEST(RegisterStep, AsksTheRegistryAndTellsTheVersion) {
  Host host;
  std::ofstream(host.path("card")) << R"({"metrics": {"loss": 0.1}})";
  host.registered = json{{"name", "mnist_cnn"}, {"version", 3}, {"sha256", "abc"}}.dump();
  const auto outcome =
      host.run("model", "model.register",
               {{"name", "mnist_cnn"}, {"metrics", {{"accuracy", 0.98}}}, {"tags", {{"a", "b"}}}},
               {{"model", "/weights.pt"}, {"card", host.path("card").string()}});
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(json::parse(host.asked), (json{{"name", "mnist_cnn"},
                                           {"input", "model"},
                                           {"metrics", {{"accuracy", 0.98}, {"loss", 0.1}}},
                                           {"tags", {{"a", "b"}}}}));
  EXPECT_EQ(json::parse(outcome.outputs), (json{{"name", "mnist_cnn"},
                                                {"version", 3},
                                                {"sha256", "abc"},
                                                {"summary", "registered mnist_cnn version 3"}}));
  EXPECT_EQ(host.lines, (std::vector<std::string>{"registered mnist_cnn version 3"}));
}

TEST(RegisterStep, RefusesABadNameBeforeItRuns) {
  Host host;
  const auto outcome = host.run("model", "model.register", {{"name", "My Model"}}, {});
  EXPECT_FALSE(outcome.ok());
  EXPECT_EQ(host.asked, "");
  EXPECT_NE(outcome.error.find("with.name 'My Model'"), std::string::npos) << outcome.error;
}

TEST(RegisterStep, SaysWhatIsWrongWithACard) {
  Host host;
  std::ofstream(host.path("card")) << "[]";
  const auto outcome = host.run("model", "model.register", {{"name", "m"}},
                                {{"model", "/w"}, {"card", host.path("card").string()}});
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_NE(outcome.error.find("card is not a JSON object"), std::string::npos) << outcome.error;
}

}  // namespace
}  // namespace scanflow::report
