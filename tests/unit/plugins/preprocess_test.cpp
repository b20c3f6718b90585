// image.preprocess: its core, and through the boundary.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "plugins/steps/serving/preprocessor.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::serving {
namespace {

using nlohmann::json;
using test::error_of;
using test::StepRun;

void expect_values(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-3) << i;
}

TEST(Preprocessor, MakesPlanesOfPixels) {
  const std::vector<std::uint8_t> pixels = {0, 10, 20, 100, 110, 120};  // 1x2, RGB
  Preprocessor with_one({3, 0, 0, true, 1, {0}, {1}});
  expect_values(with_one.run(pixels, {1, 2}), {0, 100, 10, 110, 20, 120});
  Preprocessor with_each({3, 0, 0, true, 0.1, {1, 0, 2}, {1, 2, 0.5}});
  expect_values(with_each.run(pixels, {1, 2}), {-1, 9, 0.5, 5.5, 0, 20});
}

TEST(Preprocessor, TakesSeveralImages) {
  Preprocessor p({1, 0, 0, true, 1, {0}, {1}});
  expect_values(p.run(std::vector<std::uint8_t>{1, 2, 3, 4}, {1, 2}), {1, 2, 3, 4});
}

// As PyTorch 1.13's interpolate(mode="bilinear") has them, without and with antialias.
TEST(Preprocessor, ResizesAsPyTorchDoes) {
  const std::vector<std::uint8_t> image = {0,  10, 20, 30,  40,  50,  60,  70,   //
                                           80, 5,  15, 25,  35,  45,  55,  65,   //
                                           75, 85, 95, 105, 115, 125, 135, 145,  //
                                           9,  8,  7,  6,   5,   4,   3,   200};
  Preprocessor near({1, 3, 0, false, 1, {0}, {1}});
  EXPECT_EQ(near.output_size({4, 8}), (ImageSize{3, 6}));
  expect_values(near.run(image, {4, 8}),
                {12.639, 14.167, 27.500, 40.833, 54.167, 67.500, 72.083, 50.000, 63.333, 76.667,
                 90.000, 103.333, 20.139, 21.250, 22.361, 23.472, 24.583, 163.194});
  Preprocessor wide({1, 3, 0, true, 1, {0}, {1}});
  expect_values(wide.run(image, {4, 8}),
                {19.350, 13.500, 26.682, 40.318, 53.500, 65.500, 67.750, 50.000, 63.182, 76.818,
                 90.000, 102.000, 29.490, 32.250, 35.282, 38.418, 41.450, 141.230});
  Preprocessor larger({1, 6, 0, true, 1, {0}, {1}});
  const auto grown = larger.run(image, {4, 8});
  ASSERT_EQ(grown.size(), 72U);
  expect_values({grown.begin(), grown.begin() + 24},
                {0.000,  5.000,  11.667, 18.333, 25.000, 31.667, 38.333, 45.000,
                 51.667, 58.333, 65.000, 70.000, 40.000, 23.750, 9.167,  15.833,
                 22.500, 29.167, 35.833, 42.500, 49.167, 55.833, 62.500, 67.500});
}

TEST(Preprocessor, AShrunkLineKeepsItsMean) {
  std::vector<std::uint8_t> line(64);
  for (std::size_t i = 0; i < line.size(); ++i) line[i] = i % 4 == 0 ? 200 : 0;
  const Taps taps = bilinear(64, 8, 0, 8, true);
  for (std::size_t i = 1; i < 7; ++i) {
    double value = 0;
    for (std::size_t j = 0; j < taps.taps; ++j)
      value += taps.weights[i * taps.taps + j] * line[taps.starts[i] + j];
    EXPECT_NEAR(value, 50, 4) << "no pixel goes unseen";
  }
}

TEST(Preprocessor, CropsTheMiddle) {
  Preprocessor p({1, 0, 2, true, 1, {0}, {1}});
  std::vector<std::uint8_t> image(5 * 4);
  std::iota(image.begin(), image.end(), std::uint8_t{0});
  expect_values(p.run(image, {5, 4}), {9, 10, 13, 14});  // 1.5 rounds to 2, as Python rounds
  EXPECT_EQ(error_of([&] {
              p.output_size({1, 4});
            }),
            "images of 1x4 pixels are 1x4 when the crop of 2 is taken: set resize to at least the "
            "crop, or send larger images");
}

TEST(Preprocessor, WantsOneValueForEachChannel) {
  EXPECT_EQ(error_of([] {
              Preprocessor({1, 0, 0, true, 1, {1, 2, 3}, {1}});
            }),
            "mean has 3 values, but images have 1 channel(s): give one for each, or one for all");
}

class PreprocessOnline : public ::testing::Test {
 protected:
  StepRun& serve(const json& config, const loader::Shape& shape,
                 const std::function<void(const loader::InferOutcome&)>& use) {
    return step_.with(config).online([&](loader::StepInstance& step) {
      signature_ = step.signature();
      const std::vector<std::uint8_t> bytes(*loader::element_count(shape), 51);
      const loader::Tensor image = {"image", SCANFLOW_UINT8, shape, std::as_bytes(std::span(bytes)),
                                    nullptr};
      use(step.infer(std::vector{image}));
    });
  }

  StepRun step_{"serving", "image.preprocess"};
  loader::Signature signature_;
};

TEST_F(PreprocessOnline, ImageNetByDefault) {
  serve(json::object(), {2, 300, 400, 3}, [](const loader::InferOutcome& answer) {
    ASSERT_TRUE(answer.ok()) << answer.error;
    EXPECT_EQ(answer.tensors[0].name, "images");
    EXPECT_EQ(answer.tensors[0].shape, (loader::Shape{2, 3, 224, 224}));
    float first = 0;
    std::memcpy(&first, answer.tensors[0].data.data(), sizeof first);
    EXPECT_NEAR(first, (0.2 - 0.485) / 0.229, 1e-4);
  });
  ASSERT_EQ(step_.status(), SCANFLOW_OK) << step_.error();
  EXPECT_EQ(signature_.inputs[0].shape, (loader::Shape{-1, -1, -1, 3}));
  EXPECT_EQ(signature_.outputs[0].shape, (loader::Shape{-1, 3, 224, 224}));
  EXPECT_FALSE(signature_.batchable) << "images of several sizes cannot be put together";
}

TEST_F(PreprocessOnline, GreyDigits) {
  const json config = {{"layout", "NHW"}, {"height", 28}, {"width", 28},
                       {"channels", 1},   {"resize", 0},  {"crop", 0},
                       {"scale", 1.0},    {"mean", {0}},  {"std", {1}}};
  serve(config, {3, 28, 28}, [](const loader::InferOutcome& answer) {
    ASSERT_TRUE(answer.ok()) << answer.error;
    EXPECT_EQ(answer.tensors[0].shape, (loader::Shape{3, 1, 28, 28}));
    float first = 0;
    std::memcpy(&first, answer.tensors[0].data.data(), sizeof first);
    EXPECT_EQ(first, 51);
  });
  ASSERT_EQ(step_.status(), SCANFLOW_OK) << step_.error();
  EXPECT_EQ(signature_.inputs[0].shape, (loader::Shape{-1, 28, 28}));
  EXPECT_TRUE(signature_.batchable);
}

TEST_F(PreprocessOnline, WhatIsTooSmallIsTheRequestsFault) {
  serve({{"resize", 0}}, {1, 20, 400, 3}, [](const loader::InferOutcome& answer) {
    EXPECT_EQ(answer.status, SCANFLOW_INVALID);
    EXPECT_NE(answer.error.find("images of 20x400 pixels"), std::string::npos) << answer.error;
  });
}

TEST_F(PreprocessOnline, WrongConfigurationFailsToLoad) {
  step_.with({{"layout", "NHW"}}).online([](loader::StepInstance&) { FAIL(); });
  EXPECT_EQ(step_.error(),
            "layout is NHW, so images have one channel, but channels is 3: set channels to 1 (and "
            "mean and std to one value), or layout to NHWC");
}

}  // namespace
}  // namespace scanflow::serving
