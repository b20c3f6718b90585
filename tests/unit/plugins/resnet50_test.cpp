// torch.resnet50, through the boundary, and against PyTorch's Python.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>

#include "plugins/common/random.hpp"
#include "plugins/steps/imagenet/layout.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::test {
namespace {

using Floats = std::vector<float>;
constexpr std::size_t kImage = 3 * 224 * 224;

/// Logits, and a check that probabilities belong to them.
Floats classify(loader::StepInstance& step, const Floats& images) {
  const auto count = static_cast<std::int64_t>(images.size() / kImage);
  const loader::Tensor tensor = {
      "images", SCANFLOW_FP32, {count, 3, 224, 224}, std::as_bytes(std::span(images)), nullptr};
  const auto answer = step.infer(std::vector{tensor});
  EXPECT_TRUE(answer.ok()) << answer.error;
  if (answer.tensors.size() != 2) return {};
  Floats values[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& given = answer.tensors[i];
    EXPECT_EQ(given.shape, (loader::Shape{count, 1000}));
    values[i].resize(given.data.size() / sizeof(float));
    std::memcpy(values[i].data(), given.data.data(), given.data.size());
  }
  EXPECT_EQ(answer.tensors[0].name, "logits");
  EXPECT_EQ(answer.tensors[1].name, "probabilities");
  const double sum = std::accumulate(values[1].begin(), values[1].end(), 0.0);
  EXPECT_NEAR(sum, static_cast<double>(count), 1e-3);
  EXPECT_NEAR(std::log(values[1][0] / values[1][1]), values[0][0] - values[0][1], 1e-3);
  return values[0];
}

Floats noise(std::size_t images) {
  data::Random random(7);
  Floats values(images * kImage);
  for (float& value : values) value = static_cast<float>(random.bell());
  return values;
}

void expect_near(const Floats& a, const Floats& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(double{a[i]} - b[i]));
  EXPECT_LT(worst, tolerance);
}

Floats read_floats(const std::filesystem::path& file) {
  const std::string bytes = read(file);
  Floats values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(Resnet50, HasTorchvisionsLayout) {
  using namespace imagenet;
  const Layout layout = imagenet::resnet50();
  EXPECT_EQ(parameters_of(layout), 25'557'032);
  const Shapes shapes = shapes_of(layout);
  EXPECT_EQ(shapes.size(), 267U) << "torchvision has 320, with 53 counters";
  EXPECT_EQ(shapes.at("layer2.0.downsample.0.weight"), (std::vector<std::int64_t>{512, 256, 1, 1}));
  EXPECT_EQ(layout.blocks[3].reduce.stride, 1);
  EXPECT_EQ(layout.blocks[3].spatial.stride, 2) << "v1.5: the 3x3 strides";
}

TEST(Resnet50, SaysWhatDoesNotFit) {
  const auto layout = imagenet::resnet50();
  auto shapes = imagenet::shapes_of(layout);
  shapes["bn1.num_batches_tracked"] = {};
  imagenet::check_fit(layout, shapes, "file");
  shapes["fc.weight"] = {10, 2048};
  shapes.erase("bn1.bias");
  EXPECT_EQ(
      error_of([&] { imagenet::check_fit(layout, shapes, "file"); }),
      "file: these weights are not ResNet-50's: bn1.bias is missing; fc.weight is [10, 2048], "
      "expected [1000, 2048]; give the state dict of torchvision.models.resnet50, saved with "
      "torch.save(dict(net.state_dict()), file)");
}

TEST(Resnet50, SeededWeightsAnswerTheSameEachTimeAndInEachBatch) {
  const Floats images = noise(3);
  Floats first;
  StepRun one("imagenet", "torch.resnet50");
  one.with({{"seed", 5}}).online([&](loader::StepInstance& step) {
    first = classify(step, images);
    Floats singly;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto from = images.begin() + static_cast<std::ptrdiff_t>(i * kImage);
      const Floats row = classify(step, Floats(from, from + kImage));
      singly.insert(singly.end(), row.begin(), row.end());
    }
    expect_near(first, singly, 1e-4);
  });
  ASSERT_EQ(one.status(), SCANFLOW_OK) << one.error();
  const auto [least, most] = std::minmax_element(first.begin(), first.end());
  EXPECT_GT(*most - *least, 0.2) << "classes are told apart";
  EXPECT_LT(*most, 50) << "and no value has grown out of bounds";

  StepRun same("imagenet", "torch.resnet50"), other("imagenet", "torch.resnet50");
  same.with({{"seed", 5}}).online([&](loader::StepInstance& step) {
    EXPECT_EQ(classify(step, images), first);
  });
  other.with({{"seed", 6}}).online([&](loader::StepInstance& step) {
    EXPECT_NE(classify(step, images), first);
  });
}

TEST(Resnet50, AgreesWithPythonOnItsWeights) {
  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0) {
    GTEST_SKIP() << "python3-torch is not installed";
  }
  const TempDir directory;
  const std::string command = "/usr/bin/python3 " SCANFLOW_SOURCE_DIR
                              "/tests/unit/plugins/resnet50.py " +
                              directory.path().string();
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  StepRun step("imagenet", "torch.resnet50");
  step.input("model", directory / "model").online([&](loader::StepInstance& instance) {
    const Floats expected = read_floats(directory / "logits");
    expect_near(classify(instance, read_floats(directory / "images")), expected, 1e-3);
  });
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
}

TEST(Resnet50, RefusesOtherFiles) {
  const TempDir directory;
  std::ofstream(directory / "model") << "no weights";
  StepRun step("imagenet", "torch.resnet50");
  step.input("model", directory / "model").online([](loader::StepInstance&) { FAIL(); });
  EXPECT_EQ(step.status(), SCANFLOW_FAILED);
  EXPECT_NE(step.error().find("expected is a state dict of ResNet-50"), std::string::npos)
      << step.error();
}

}  // namespace
}  // namespace scanflow::test
