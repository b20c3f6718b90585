// digits.generate and mnist.load, through the boundary.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "plugins/common/digit_set.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::test {
namespace {

/// Sets or clears an environment variable, and puts back what was there.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }
  ~Environment() {
    if (old_.empty()) {
      unsetenv(name_);
    } else {
      setenv(name_, old_.c_str(), 1);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string old_;
};

TEST(GenerateStep, WritesADataset) {
  StepRun step("digits", "digits.generate");
  step.with({{"count", 50}, {"seed", 3}}).run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(step.outputs()["summary"], "50 digits drawn");
  EXPECT_EQ(data::read_dataset(step.artifact("digits")).size(), 50U);
}

TEST(GenerateStep, CanBeCancelled) {
  StepRun step("digits", "digits.generate");
  step.with({{"count", 1'000'000}}).cancel_at_first_progress().run();
  EXPECT_EQ(step.status(), SCANFLOW_CANCELLED) << step.error();
}

TEST(LoadStep, SplitsTheDigitsOfAnotherStep) {
  StepRun generate("digits", "digits.generate");
  generate.with({{"count", 100}}).run();
  StepRun load("mnist", "mnist.load");
  load.input("digits", generate.artifact("digits")).run();
  ASSERT_EQ(load.status(), SCANFLOW_OK) << load.error();
  EXPECT_EQ(load.outputs()["summary"], "100 digits (72 / 8 / 20)");
  EXPECT_EQ(load.outputs()["synthetic"], false);
  EXPECT_EQ(data::read_dataset(load.artifact("train")).size(), 72U);
  EXPECT_EQ(data::read_dataset(load.artifact("validation")).size(), 8U);
  EXPECT_EQ(data::read_dataset(load.artifact("test")).size(), 20U);
}

TEST(LoadStep, DrawsDigitsWhereThereAreNoneAndSaysSo) {
  const Environment none("SCANFLOW_DATA", nullptr);
  StepRun load("mnist", "mnist.load");
  load.with({{"train", 80}, {"validation", 10}, {"test", 30}}).run();
  ASSERT_EQ(load.status(), SCANFLOW_OK) << load.error();
  EXPECT_EQ(load.outputs()["summary"], "120 drawn digits (80 / 10 / 30)");
  EXPECT_EQ(load.outputs()["synthetic"], true);
  ASSERT_FALSE(load.log().empty());
  EXPECT_NE(load.log()[0].find("SCANFLOW_DATA is not set: drawing 120 synthetic digits"),
            std::string::npos)
      << load.log()[0];
}

TEST(LoadStep, AutoTakesTheEnvironment) {
  StepRun generate("digits", "digits.generate");
  generate.with({{"count", 20}}).run();
  const Environment data("SCANFLOW_DATA", generate.artifact("digits").c_str());
  StepRun load("mnist", "mnist.load");
  load.run();
  ASSERT_EQ(load.status(), SCANFLOW_OK) << load.error();
  EXPECT_EQ(load.outputs()["source"], generate.artifact("digits").string());
}

TEST(LoadStep, SaysWhichFileIsBroken) {
  StepRun generate("digits", "digits.generate");
  generate.with({{"count", 20}}).run();
  const auto images = generate.artifact("digits") / data::kImagesFile;
  std::filesystem::resize_file(images, 1000);
  StepRun load("mnist", "mnist.load");
  load.with({{"path", generate.artifact("digits").string()}}).run();
  EXPECT_EQ(load.status(), SCANFLOW_FAILED);
  EXPECT_EQ(load.error(), images.string() +
                              ": data ends at byte 1,000, but the header announces 15,696 bytes "
                              "(20 items; truncated?)");
}

TEST(LoadStep, PathAndInputExcludeEachOther) {
  StepRun generate("digits", "digits.generate");
  generate.with({{"count", 20}}).run();
  StepRun load("mnist", "mnist.load");
  load.with({{"path", "/data"}}).input("digits", generate.artifact("digits")).run();
  EXPECT_EQ(load.status(), SCANFLOW_FAILED);
  EXPECT_EQ(load.error(), "both the input digits and path (/data) are given; drop one of them");
}

}  // namespace
}  // namespace scanflow::test
