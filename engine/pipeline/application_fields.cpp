#include "engine/pipeline/application_fields.hpp"

#include <array>

namespace scanflow::pipeline {
namespace {

constexpr bool kApplicationNeeds = true;
constexpr double kMostOfQuota = 1e6;
constexpr std::string_view kNoQuota = "leave it out for no limit";

constexpr std::array<std::string_view, 1> kApplicationVersions{"scanflow.dev/v1"};
constexpr std::array<std::string_view, 1> kApplicationKind{"Application"};

constexpr Field kTeamOfApplication = Field{"", kMap, "a team"}.of(application_team_fields);
constexpr Field kSourceOfTeam =
    Field{"", kMap, "a source, as pipelines name it: env, file or secret"}.of(secret_fields);
constexpr Field kUseOfTeam{"", kText, "NAMESPACE/NAME, NAMESPACE/NAME@VERSION or NAMESPACE/*",
                           "pipelines"};

constexpr std::array kApplication{
    Field{"apiVersion", kText, "the version of the format", {}, kApplicationNeeds}.among(
        kApplicationVersions),
    Field{"kind", kText, "what the document describes", {}, kApplicationNeeds}.among(
        kApplicationKind),
    Field{"metadata", kMap, "name, namespace, labels", {}, kApplicationNeeds}.of(metadata_fields),
    Field{"teams", kList, "each has the namespace APPLICATION-TEAM", {}, kApplicationNeeds}
        .listing(kTeamOfApplication)
        .not_empty(),
};

constexpr std::array kApplicationTeam{
    Field{"name", kText, "its namespace is APPLICATION-NAME", "label", kApplicationNeeds},
    Field{"quota", kMap, "what its namespace may have at the same time"}.of(
        application_quota_fields),
    Field{"secrets", kList,
          "the sources of secrets that its pipelines may name; []: none; left out: any"}
        .listing(kSourceOfTeam),
    Field{"uses", kList,
          "pipelines of other namespaces that it may run and call: NAMESPACE/NAME[@VERSION], "
          "NAMESPACE/*"}
        .listing(kUseOfTeam)
        .not_twice(),
};

constexpr std::array kApplicationQuota{
    Field{"runs", kInt, "runs; the next ones wait for their turn"}.within(1, kMostOfQuota,
                                                                          kNoQuota),
    Field{"cpus", kScalar, "processors that its steps ask for; the next ones wait", "cpu"}
        .above(0, kNoQuota)
        .up_to(kMostOfQuota),
    Field{"memory", kScalar, "memory that its steps ask for; the next ones wait", "bytes"}.at_least(
        1 << 20, "is a unit missing? 16Gi"),
    Field{"gpus", kInt, "devices of any kind of GPU (nvidia.com/gpu, ...) that its steps ask for"}
        .within(1, kMostOfQuota, kNoQuota),
    Field{"services", kInt, "services; one more is not registered"}.within(1, kMostOfQuota,
                                                                           kNoQuota),
};

constexpr Table kApplicationTable{"application", "an application", kApplication};
constexpr Table kApplicationTeamTable{"application_team", "a team", kApplicationTeam};
constexpr Table kApplicationQuotaTable{
    "application_quota", "a quota", kApplicationQuota, nullptr, {}, true};

}  // namespace

const Table& application_fields() { return kApplicationTable; }
const Table& application_team_fields() { return kApplicationTeamTable; }
const Table& application_quota_fields() { return kApplicationQuotaTable; }

}  // namespace scanflow::pipeline
