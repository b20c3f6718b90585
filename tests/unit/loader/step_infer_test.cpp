// A step that serves online, across the boundary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "sdk/loader/step_instance.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::loader {
namespace {

using testing::HasSubstr;

class Silent : public HostServices {
  void log(std::int32_t, std::string_view) override {}
  void metric(std::string_view, double, std::int64_t, const std::map<std::string, std::string>&,
              bool) override {}
  void progress(double, std::string_view) override {}
  Result<std::string> artifact(std::string_view, bool) override { return fail("none here"); }
  Result<std::string> run_state() override { return fail("none here"); }
  Result<std::string> register_model(std::string_view) override { return fail("none here"); }
};

class Online : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Library::load(TEST_PLUGINS "/online.so");
    ASSERT_TRUE(loaded) << loaded.error().message;
    library_ = *loaded;
  }
  static Tensor row(const std::vector<float>& values) {
    auto owner = std::make_shared<std::vector<float>>(values);
    const Shape shape = {static_cast<std::int64_t>(values.size() / 2), 2};
    return {"x", SCANFLOW_FP32, shape, std::as_bytes(std::span(*owner)), owner};
  }
  static std::vector<float> floats(const Tensor& tensor) {
    std::vector<float> values(tensor.data.size() / sizeof(float));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }

  std::shared_ptr<const Library> library_;
  Silent services_;
  StepInstance instance_{services_};
};

TEST_F(Online, IsLoadedAndAsked) {
  test::TempDir directory;
  std::ofstream(directory / "factor") << 3;
  ASSERT_TRUE(instance_.create(*library_, "test.scale", "{}").ok());
  const std::string path = directory / "factor";
  const std::vector<scanflow_input> inputs = {{to_view("model"), to_view(path), {}}};
  const auto loaded = instance_.load(inputs, 1);
  ASSERT_TRUE(loaded.ok()) << loaded.error;
  ASSERT_EQ(instance_.signature().inputs.size(), 1U);
  EXPECT_EQ(instance_.signature().inputs[0].shape, (Shape{-1, 2}));
  EXPECT_TRUE(instance_.signature().batchable);
  for (const std::int64_t call : {1, 2}) {
    const auto answer = instance_.infer(std::vector{row({1, 2, 3, 4})});
    ASSERT_TRUE(answer.ok()) << answer.error;
    ASSERT_EQ(answer.tensors.size(), 2U);
    EXPECT_EQ(floats(answer.tensors[0]), (std::vector<float>{3, 6, 9, 12}));
    EXPECT_EQ(answer.tensors[1].shape, (Shape{2}));
    std::int64_t calls = 0;
    std::memcpy(&calls, answer.tensors[1].data.data(), sizeof calls);
    EXPECT_EQ(calls, call);
  }
}

TEST_F(Online, AFailureIsOfOneCall) {
  ASSERT_TRUE(instance_.create(*library_, "test.scale", "{}").ok());
  ASSERT_TRUE(instance_.load({}, 1).ok());
  const auto failed = instance_.infer(std::vector{row({666, 0})});
  EXPECT_EQ(failed.status, SCANFLOW_FAILED);
  EXPECT_EQ(failed.error, "the model failed");
  const auto invalid = instance_.infer(std::vector{row({667, 0})});
  EXPECT_EQ(invalid.status, SCANFLOW_INVALID);
  EXPECT_THAT(invalid.error, HasSubstr("667 is not a number"));
  EXPECT_TRUE(instance_.infer(std::vector{row({1, 0})}).ok());
}

TEST_F(Online, WhatCannotBeLoadedSaysWhy) {
  EXPECT_EQ(instance_.load({}, 1).error, "load without an instance: create failed");
  ASSERT_TRUE(instance_.create(*library_, "test.scale", "{}").ok());
  EXPECT_EQ(instance_.infer({}).status, SCANFLOW_INVALID) << "before load";
  const std::vector<scanflow_input> inputs = {{to_view("model"), to_view("/dev/null"), {}}};
  EXPECT_EQ(instance_.load(inputs, 1).error, "the model holds no number");
}

TEST_F(Online, AStepOfPipelinesAloneDoesNotServe) {
  auto steps = Library::load(TEST_PLUGINS "/test_steps.so");
  ASSERT_TRUE(steps);
  ASSERT_TRUE(instance_.create(**steps, "test.echo", "{}").ok());
  EXPECT_EQ(instance_.load({}, 1).error, "test.echo does not serve online: it has no step.infer/1");
}

TEST_F(Online, TheDescriptorSaysThatItServes) {
  for (const PluginInfo& plugin : library_->info().plugins) EXPECT_TRUE(plugin.serves) << plugin.id;
  const auto read = library_from_json(to_json(library_->info()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->plugins[0].serves);
}

}  // namespace
}  // namespace scanflow::loader
