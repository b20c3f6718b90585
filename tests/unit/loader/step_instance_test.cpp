// One attempt through the boundary, with a host that records what it is told.
#include "sdk/loader/step_instance.hpp"

#include <gtest/gtest.h>
#include <scanflow/abi/step.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "sdk/loader/builtin.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::loader {
namespace {

class Recorder : public HostServices {
 public:
  void log(std::int32_t level, std::string_view text) override {
    lines.push_back(std::to_string(level) + " " + std::string(text));
    if (on_log) on_log();
  }
  void metric(std::string_view name, double value, std::int64_t step,
              const std::map<std::string, std::string>& labels, bool logged) override {
    lines.push_back(json{name, value, step, labels, logged}.dump());
  }
  void progress(double fraction, std::string_view message) override {
    lines.push_back(json{fraction, message}.dump());
  }
  Result<std::string> artifact(std::string_view name, bool) override {
    return (directory / std::string(name)).string();
  }
  Result<std::string> checkpoints() override { return kept; }
  Result<std::string> run_state() override { return R"({"pipeline": "p"})"; }
  Result<std::string> register_model(std::string_view request) override {
    if (!registry) return fail("the registry is closed");
    return json{{"name", json::parse(request)["name"]}, {"version", 1}, {"sha256", "ab"}}.dump();
  }

  test::TempDir directory;
  Result<std::string> kept = "/kept";
  std::vector<std::string> lines;
  std::function<void()> on_log;
  bool registry = true;
};

class Steps : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Library::load(TEST_PLUGINS "/test_steps.so");
    ASSERT_TRUE(loaded) << loaded.error().message;
    library = *loaded;
  }
  StepOutcome run(const std::string& id, std::string_view config = "{}") {
    StepInstance instance(host);
    auto created = instance.create(*library, id, config);
    return created.ok() ? instance.run(request) : created;
  }

  std::shared_ptr<const Library> library;
  Recorder host;
  const std::string digest = std::string(64, 'a');
  scanflow_input input = {to_view("data"), to_view("/data/digits"), to_view(digest)};
  StepRequest request = {.run = "r1",
                         .step = "train[model=cnn1]",
                         .attempt = 2,
                         .threads = 3,
                         .inputs = {&input, 1},
                         .scratch = {}};
};

TEST_F(Steps, GivesTheRequestAndTakesTheOutputs) {
  const auto outcome = run("test.echo", R"({"text": "grüß"})");
  EXPECT_EQ(outcome.status, SCANFLOW_OK) << outcome.error;
  EXPECT_EQ(json::parse(outcome.outputs),
            json::parse(R"({"text": "grüß", "run": "r1", "step": "train[model=cnn1]", "attempt": 2,
                            "threads": 3, "has": true, "filling": ""})"));
}

TEST_F(Steps, TellsErrorsApart) {
  auto outcome = run("test.end", R"({"how": "error"})");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_EQ(outcome.error, "the disk is square; make it round");
  outcome = run("test.end", R"({"how": "retryable"})");
  EXPECT_EQ(outcome.status, SCANFLOW_RETRYABLE);
  EXPECT_EQ(outcome.error, "the moon is in the way");
  EXPECT_EQ(run("test.end", R"({"how": "cancelled"})").status, SCANFLOW_CANCELLED);
  outcome = run("test.end", R"({"how": "other"})");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_EQ(outcome.error, "the plugin threw something that is not a std::exception");
  EXPECT_EQ(run("test.end", R"({"how": "not an object"})").error,
            "the step returned array as its outputs; return a JSON object");
}

TEST_F(Steps, RefusesABadConfigurationAlsoWhereTheHostDidNotCheckIt) {
  const auto outcome = run("test.end", R"({"how": "slowly"})");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_EQ(outcome.error, "with.how: \"slowly\" is not one of the allowed values");
  EXPECT_EQ(run("test.echo", R"({"txt": 1})").error, "with: unknown field 'txt'");
  EXPECT_EQ(run("test.echo", "\xff\x01{").error, "the configuration is not JSON");
}

TEST_F(Steps, RefusesAnUnknownPlugin) {
  const auto outcome = run("test.ecco");
  EXPECT_EQ(outcome.status, SCANFLOW_INVALID);
  EXPECT_EQ(outcome.error, "this library has no plugin 'test.ecco' of that kind");
}

TEST_F(Steps, BoundsTheOutputs) {
  EXPECT_TRUE(run("test.echo", R"({"size": 1048000})").ok());
  const auto outcome = run("test.echo", R"({"size": 1048576})");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_NE(outcome.error.find("at most 1 MiB): write large results as an artifact"),
            std::string::npos)
      << outcome.error;
}

TEST_F(Steps, OffersAllExtensions) {
  const auto outcome = run("test.busy");
  ASSERT_EQ(outcome.status, SCANFLOW_OK) << outcome.error;
  EXPECT_EQ(json::parse(outcome.outputs),
            (json{{"checkpoints", "/kept"},
                  {"model", {{"name", "m"}, {"version", 1}, {"sha256", "ab"}}},
                  {"pipeline", "p"},
                  {"digest", digest}}));
  EXPECT_EQ(host.lines, (std::vector<std::string>{"1 busy", R"([0.5,"half"])",
                                                  R"(["loss",0.25,3,{"split":"train"},true])",
                                                  R"(["rate",100.0,0,{},false])"}));
  EXPECT_EQ(test::read(host.directory / "model"), "weights of \"/data/digits\"");
}

TEST_F(Steps, AHostMayKeepNoCheckpoints) {
  host.kept = "";
  EXPECT_EQ(json::parse(run("test.busy").outputs)["checkpoints"], nullptr);
  host.kept = fail("cannot create /kept: the disk is full");
  const auto outcome = run("test.busy");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_TRUE(outcome.error.starts_with("asking for the directory of checkpoints was refused"))
      << outcome.error;
  EXPECT_EQ(host.lines.back(), "3 cannot create /kept: the disk is full");
}

TEST_F(Steps, LogsWhyTheHostRefused) {
  host.registry = false;
  auto outcome = run("test.busy");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_EQ(host.lines.back(), "3 the registry is closed");
  outcome = run("test.bad-artifact");
  EXPECT_EQ(outcome.status, SCANFLOW_FAILED);
  EXPECT_EQ(host.lines.back(),
            "3 '../escape' cannot name an artifact: use lower-case letters, digits, '-' and '_'");
}

TEST_F(Steps, CancelBeforeCreateBeforeRunAndDuring) {
  {
    StepInstance early(host);
    EXPECT_TRUE(early.cancel());
    ASSERT_TRUE(early.create(*library, "test.wait", "{}").ok());
    EXPECT_EQ(early.run(request).status, SCANFLOW_CANCELLED);
  }
  {
    StepInstance before(host);
    ASSERT_TRUE(before.create(*library, "test.wait", "{}").ok());
    EXPECT_TRUE(before.cancel());
    EXPECT_EQ(before.run(request).status, SCANFLOW_CANCELLED);
  }
  EXPECT_TRUE(host.lines.empty()) << "it ran";
  StepInstance during(host);
  ASSERT_TRUE(during.create(*library, "test.wait", "{}").ok());
  std::promise<void> running;
  host.on_log = [&] { running.set_value(); };
  auto outcome = std::async(std::launch::async, [&] { return during.run(request); });
  running.get_future().wait();
  EXPECT_TRUE(during.cancel());
  EXPECT_TRUE(during.cancel()) << "idempotent";
  EXPECT_EQ(outcome.get().status, SCANFLOW_CANCELLED);
}

TEST_F(Steps, APluginStandsAHostThatEndsEarlier) {
  // A host of a smaller struct: it has no get_extension, and knows neither set_error nor log.
  struct {
    scanflow_host abi;
  } small{};
  small.abi.abi_major = SCANFLOW_ABI_MAJOR;
  small.abi.struct_size = offsetof(scanflow_host, log);
  const auto* factory = library->steps();
  scanflow_step* step = nullptr;
  EXPECT_EQ(factory->create(&small.abi, "test.end", to_view("{}"), &step), SCANFLOW_FAILED);
  ASSERT_EQ(factory->create(&small.abi, "test.busy", to_view("{}"), &step), SCANFLOW_OK);
  scanflow_request abi{};
  abi.struct_size = sizeof abi;
  EXPECT_EQ(step->run(step, &abi), SCANFLOW_FAILED) << "it needs what this host does not have";
  step->destroy(step);
}

TEST(Noop, GivesBackItsConfiguration) {
  const auto library = builtin_library();
  ASSERT_TRUE(library);
  Recorder host;
  StepInstance instance(host);
  ASSERT_TRUE(instance.create(**library, "noop", R"({"a": 1})").ok());
  EXPECT_EQ(instance.run({}).outputs, R"({"a": 1})");
}

TEST(Noop, IsCheap) {
  const auto library = builtin_library();
  ASSERT_TRUE(library);
  Recorder host;
  constexpr int kRuns = 100'000;
  const std::string id = "noop";
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRuns; ++i) {
    StepInstance instance(host);
    if (!instance.create(**library, id, "{}").ok() || !instance.run({}).ok()) FAIL();
  }
  const auto spent = std::chrono::steady_clock::now() - start;
  const auto each = std::chrono::duration<double, std::nano>(spent).count() / kRuns;
  RecordProperty("nanoseconds", std::to_string(each));
  // The goal is 1 us; sanitizers and busy machines get their share.
  EXPECT_LT(each, 20'000);
}

/// A step by hand that returns what it is told: what the C++ layer never does.
struct Crooked {
  std::int32_t status;
  const char* outputs;
};
Crooked crooked{};

const scanflow_descriptor kCrooked = {sizeof kCrooked, 0,       "crooked", "1.0.0", "",
                                      nullptr,         nullptr, nullptr,   nullptr};
const scanflow_step_factory kFactory = {
    sizeof kFactory, 0, [] { return 1U; },
    [](std::uint32_t i) { return i == 0 ? &kCrooked : nullptr; },
    [](const scanflow_host*, const char*, scanflow_view, scanflow_step** out) -> std::int32_t {
      *out = new scanflow_step{
          sizeof(scanflow_step),
          0,
          nullptr,
          [](const scanflow_step*) { return &kCrooked; },
          [](scanflow_step*, const scanflow_request* request) {
            request->outputs.write(request->outputs.ctx, crooked.outputs,
                                   std::string_view(crooked.outputs).size());
            return crooked.status;
          },
          [](scanflow_step* step) { delete step; },
          [](const scanflow_step*, const char*) -> const void* { return nullptr; }};
      return SCANFLOW_OK;
    }};
const scanflow_plugin_entry kEntry = {
    SCANFLOW_ABI_MAJOR,
    0,
    sizeof kEntry,
    0,
    "crooked",
    "1.0.0",
    "",
    nullptr,
    nullptr,
    [](const char* id) -> const void* {
      return std::string_view(id) == SCANFLOW_STEP_FACTORY ? &kFactory : nullptr;
    }};

StepOutcome run_crooked(std::int32_t status, const char* outputs) {
  crooked = {status, outputs};
  const auto library = Library::adopt(kEntry, "crooked");
  EXPECT_TRUE(library) << library.error().message;
  Recorder host;
  StepInstance instance(host);
  EXPECT_TRUE(instance.create(**library, "crooked", "{}").ok());
  EXPECT_TRUE(instance.create(**library, "crooked", "{}").status == SCANFLOW_INVALID)
      << "once per instance";
  return instance.run({});
}

TEST(CrookedStep, IsCaught) {
  EXPECT_EQ(run_crooked(SCANFLOW_OK, "[1]").error,
            "crooked wrote outputs that are not one JSON object: [1]");
  EXPECT_EQ(run_crooked(SCANFLOW_OK, "{} {}").error,
            "crooked wrote outputs that are not one JSON object: {} {}");
  EXPECT_EQ(run_crooked(SCANFLOW_OK, "{\"a\": \"\xff\"}").status, SCANFLOW_FAILED);
  EXPECT_EQ(run_crooked(SCANFLOW_FAILED, "{}").error,
            "run of crooked failed with status 1 and did not say why (its author should call "
            "set_error)");
  EXPECT_EQ(run_crooked(42, "{}").error, "run of crooked returned the unknown status 42");
  EXPECT_EQ(run_crooked(42, "{}").status, SCANFLOW_FAILED);
}

TEST(CrookedStep, ThatCannotBeCancelledIsSaidSo) {
  crooked = {SCANFLOW_OK, "{}"};
  const auto library = Library::adopt(kEntry, "crooked");
  ASSERT_TRUE(library);
  Recorder host;
  StepInstance instance(host);
  ASSERT_TRUE(instance.create(**library, "crooked", "{}").ok());
  EXPECT_FALSE(instance.cancel());
  EXPECT_EQ(instance.run({}).status, SCANFLOW_CANCELLED) << "run is not even called";
}

}  // namespace
}  // namespace scanflow::loader
