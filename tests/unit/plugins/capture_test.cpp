// requests.capture and requests.captured: files, and through the boundary.
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/capture/capture_file.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::capture {
namespace {

using nlohmann::json;
using test::error_of;
using test::StepRun;
using testing::ElementsAre;

const std::vector<Column> kColumns = {{"x", "UINT8", {2}, 2}, {"id", "INT64", {}, 8}};

class CaptureFile : public testing::Test {
 protected:
  static void append(Writer& writer, std::int64_t time_us, const std::vector<std::int64_t>& ids) {
    std::vector<std::uint8_t> x;
    for (const std::int64_t id : ids) x.insert(x.end(), 2, static_cast<std::uint8_t>(id));
    const std::vector<std::span<const std::byte>> tensors = {std::as_bytes(std::span(x)),
                                                             std::as_bytes(std::span(ids))};
    writer.append(time_us, ids.size(), tensors);
  }
  std::vector<std::int64_t> ids(Selection selection = {}) const {
    selection.tensor = "x";
    selection.id = "id";
    const Captured captured = read(directory_.path(), selection);
    EXPECT_EQ(captured.values.size(), 2 * captured.ids.size());
    for (std::size_t i = 0; i < captured.ids.size(); ++i)
      EXPECT_EQ(static_cast<std::int64_t>(captured.values[2 * i]), captured.ids[i]);
    return captured.ids;
  }
  test::TempDir directory_;
};

TEST_F(CaptureFile, RowsOfSeveralWritersComeInTheOrderOfTheirTimes) {
  Writer a(directory_.path(), kColumns, {}), b(directory_.path() / ".", kColumns, {});
  append(a, 10, {1, 2});
  append(b, 15, {3});
  append(a, 20, {4});
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ids({.since_us = 10, .until_us = 15}), ElementsAre(3)) << "windows adjoin";
  EXPECT_THAT(ids({.newest = 2}), ElementsAre(3, 4));
}

TEST_F(CaptureFile, ARowThatIsCutOffIsNone) {
  {
    Writer writer(directory_.path(), kColumns, {});
    append(writer, 10, {1, 2});
  }
  for (const auto& entry : fs::directory_iterator(directory_.path()))
    fs::resize_file(entry.path(), fs::file_size(entry.path()) - 1);
  EXPECT_THAT(ids(), ElementsAre(1));
}

TEST_F(CaptureFile, TheOldestFilesGo) {
  Writer writer(directory_.path(), kColumns, {.file_bytes = 1, .keep_bytes = 600});
  for (int i = 0; i < 40; ++i) append(writer, 100 + i, {i});
  const auto left = ids();
  EXPECT_LT(left.size(), 10U);
  EXPECT_GE(left.size(), 2U);
  EXPECT_EQ(left.back(), 39);
}

TEST_F(CaptureFile, SaysWhatIsWrong) {
  directory_.write("0.rows", "nonsense\n");
  EXPECT_THAT(error_of([&] { ids(); }), testing::HasSubstr("is no capture"));
  EXPECT_THAT(error_of([&] { Writer("/proc/nowhere", kColumns, {}); }),
              testing::HasSubstr("cannot write here"));
  EXPECT_TRUE(read("/nowhere", {.tensor = "x"}).times_us.empty()) << "nothing was asked yet";
}

template <class T>
loader::Tensor tensor(const std::string& name, loader::DataType type, const loader::Shape& shape,
                      const std::vector<T>& values) {
  const auto owner = std::make_shared<const std::vector<T>>(values);
  return {name, type, shape, std::as_bytes(std::span(*owner)), owner};
}

TEST(Capture, WhatAServiceIsAskedBecomesADataset) {
  const test::TempDir asked;
  std::vector<float> images(2 * data::kPixels, 0);
  images[3] = 200.4F;
  images[data::kPixels + 5] = 255;
  StepRun node("capture", "requests.capture");
  node.with({{"path", asked.path().string()},
             {"id", "id"},
             {"tensors", {{{"name", "images"}, {"datatype", "FP32"}, {"shape", {1, 28, 28}}}}}})
      .online([&](loader::StepInstance& instance) {
        const auto answer = instance.infer(
            std::vector{tensor<float>("images", SCANFLOW_FP32, {2, 1, 28, 28}, images),
                        tensor<std::int64_t>("id", SCANFLOW_INT64, {2}, {41, 42})});
        ASSERT_TRUE(answer.ok()) << answer.error;
        ASSERT_EQ(answer.tensors.size(), 1U) << "the id is not handed on";
        EXPECT_EQ(answer.tensors[0].name, "images");
        EXPECT_EQ(answer.tensors[0].data.size(), images.size() * sizeof(float));
      });
  ASSERT_EQ(node.status(), SCANFLOW_OK) << node.error();
  StepRun step("capture", "requests.captured");
  step.with({{"path", asked.path().string()}, {"id", "id"}}).run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(step.outputs().at("count"), 2);
  const auto digits = data::read_dataset(step.artifact("dataset"));
  ASSERT_EQ(digits.size(), 2U);
  EXPECT_EQ(digits.image(0)[3], 200);
  EXPECT_EQ(digits.image(1)[5], 255);
  std::ifstream ids(step.artifact("ids"));
  EXPECT_EQ(json::parse(ids).at("ids"), json({41, 42}));
}

TEST(Capture, ATensorHasAShapeAndATypeOfAFixedSize) {
  for (const json& wrong : {json{{"name", "x"}}, json{{"name", "x"}, {"datatype", "BYTES"}},
                            json{{"name", "x"}, {"datatype", "FP32"}, {"shape", {0}}}, json("x")}) {
    StepRun node("capture", "requests.capture");
    node.with({{"tensors", {wrong}}}).online([](loader::StepInstance&) { FAIL(); });
    EXPECT_NE(node.status(), SCANFLOW_OK) << wrong;
  }
}

}  // namespace
}  // namespace scanflow::capture
