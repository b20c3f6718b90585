#include "engine/runtime/secrets.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/runtime/admission.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

constexpr const char* kHead =
    "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n";

Submission submission_of(const std::string& steps) {
  Submission submission;
  submission.file = "p.yaml";
  submission.source = kHead + steps;
  return submission;
}

Prepared prepared_of(const Submission& submission) {
  auto prepared =
      prepare(submission, std::make_shared<const loader::Catalog>(loader::Catalog::built_in()));
  if (!prepared) throw std::runtime_error(prepared.error().message);
  return std::move(*prepared);
}

class Admission : public testing::Test {
 protected:
  test::TempDir files;
  store::Artifacts artifacts{files / "artifacts"};
};

TEST(Secrets, AreFoundInTheEnvironmentOrAFile) {
  const test::TempDir files;
  const std::string path = files.write("key", "two\nlines\n");
  EXPECT_EQ(find_secret({"X", ""}, {{"X", "v"}}, "/").value(), "v");
  EXPECT_EQ(find_secret({"", "key"}, {}, files.path().string()).value(), "two\nlines");
  files.write("key", "windows\r\n");
  EXPECT_EQ(find_secret({"", path}, {}, "/").value(), "windows");
  files.write("key", "no line break");
  EXPECT_EQ(find_secret({"", path}, {}, "/").value(), "no line break");
}

TEST(Secrets, SayWhyThereIsNoneAndNeverWhatTheyAre) {
  const test::TempDir files;
  const auto why = [&](const pipeline::Secret& secret, const Environment& environment = {}) {
    const auto found = find_secret(secret, environment, files.path().string());
    return found ? "found" : found.error().message;
  };
  EXPECT_NE(why({"X", ""}).find("X is not set; start the run"), std::string::npos);
  EXPECT_NE(why({"X", ""}, {{"X", ""}}).find("X is empty"), std::string::npos);
  EXPECT_NE(why({"", "gone"}).find("gone: No such file"), std::string::npos);
  files.write("empty", "\n");
  EXPECT_NE(why({"", "empty"}).find("is empty"), std::string::npos);
  files.write("nul", std::string("sesame\0open", 11));
  EXPECT_NE(why({"", "nul"}).find("NUL byte"), std::string::npos);
  EXPECT_EQ(why({"", "nul"}).find("sesame"), std::string::npos);
  files.write("most", std::string(64u << 10, 'x') + "\n");
  EXPECT_EQ(why({"", "most"}), "found");
  files.write("large", std::string((64u << 10) + 2, 'x'));
  EXPECT_NE(why({"", "large"}).find("large has more than 64 KiB"), std::string::npos);
  EXPECT_NE(why({"", "."}).find("is no regular file"), std::string::npos);
  ASSERT_EQ(::mkfifo((files / "pipe").c_str(), 0600), 0);
  EXPECT_NE(why({"", "pipe"}).find("is no regular file"), std::string::npos) << "and does not wait";
}

TEST_F(Admission, NamesAllSecretsThatAreMissingAtOnceWithTheirPlaces) {
  Submission submission = submission_of(
      "  - {name: a, run: x, secrets: {A: {env: NONE_A}, B: {env: THERE}}}\n"
      "  - {name: b, uses: noop, secrets: {C: {env: NONE_C}}}\n"
      "  - {name: c, run: x, secrets: {D: {file: /gone}}}\n");
  const Prepared prepared = prepared_of(submission);
  EXPECT_TRUE(needs_admission(submission, prepared));
  const auto admitted = admit(submission, prepared, {{"THERE", "value-of-b"}}, artifacts);
  ASSERT_FALSE(admitted);
  const std::string& said = admitted.error().message;
  EXPECT_NE(said.find("p.yaml:5:33: error: step 'a' needs the secret A, and"), std::string::npos)
      << said;
  EXPECT_NE(said.find("p.yaml:7:33: error: step 'c' needs the secret D"), std::string::npos);
  EXPECT_NE(said.find("2 errors; nothing was run"), std::string::npos) << "noop needs none";
  EXPECT_EQ(said.find("value-of-b"), std::string::npos);
}

TEST_F(Admission, AsksForSecretsOfCalledPipelinesToo) {
  Submission submission = submission_of("  - {name: call, pipeline: sub.yaml}\n");
  submission.sources["sub.yaml"] =
      std::string(kHead) + "  - {name: in, run: x, secrets: {A: {env: INNER}}}\n";
  const Prepared prepared = prepared_of(submission);
  const auto admitted = admit(submission, prepared, {}, artifacts);
  ASSERT_FALSE(admitted);
  EXPECT_NE(admitted.error().message.find("sub.yaml:5:"), std::string::npos);
  EXPECT_EQ(secret_variables(*prepared.plan->pipeline), std::set<std::string>{"INNER"});
}

TEST_F(Admission, KeepsSecretsFromExpressions) {
  Submission submission = submission_of(
      "  - {name: a, run: 'echo $A process.env.HIDDEN', secrets: {A: {env: HIDDEN}}}");
  submission.options.env = {{"HIDDEN", "value"}, {"OTHER", "seen"}};
  ASSERT_TRUE(admit(submission, prepared_of(submission), {{"HIDDEN", "value"}}, artifacts));
  EXPECT_EQ(submission.options.env, (Environment{{"OTHER", "seen"}}));
}

}  // namespace
}  // namespace scanflow::runtime
