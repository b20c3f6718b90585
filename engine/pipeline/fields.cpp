#include "engine/pipeline/fields.hpp"

#include <array>

#include "engine/pipeline/application_fields.hpp"

namespace scanflow::pipeline {
namespace {

constexpr bool kRequired = true;

constexpr double kMostAtOnce = 100'000;
constexpr double kHighestPriority = 100;
constexpr double kMostRetries = 1000;
constexpr double kMostReplicas = 1000;
constexpr double kMostUses = 10'000;
constexpr double kMostCpus = 1e6;
constexpr std::string_view kNoLimit = "leave it out for no limit";
constexpr std::string_view kNoTimeout = "without a timeout leave the field out";

constexpr std::array<std::string_view, 1> kApiVersions{"scanflow.dev/v1"};
constexpr std::array<std::string_view, 1> kPipelineKind{"Pipeline"};
constexpr std::array<std::string_view, 7> kParamTypes{"string", "int",    "float",   "bool",
                                                      "list",   "object", "artifact"};
constexpr std::array<std::string_view, 8> kRetriedCauses{"error", "retryable", "exit", "crash",
                                                         "oom",   "timeout",   "lost", "evicted"};
constexpr std::array<std::string_view, 2> kAnswers{"approve", "reject"};
constexpr std::array<std::string_view, 3> kGroupPolicies{"queue", "cancel_running", "reject"};
constexpr std::array<std::string_view, 3> kCatchUps{"none", "last", "all"};

// What lists and open maps hold.
constexpr Field kAnyText{"", kScalar, "text"};
constexpr Field kAnyValue{"", kAny | kNull, "any value; may hold expressions"};
constexpr Field kGivenValue{"", kAny, "a value of the parameter's type", "literal"};
constexpr Field kAllowedValue{"", kAny, "a value of the parameter's type"};
constexpr Field kStepOfList = Field{"", kMap, "a step"}.of(step_fields);
constexpr Field kNeed{"", kText, "a step's name", "label"};
constexpr Field kParamValue =
    Field{"", kAny, "its default, or type, default, min, max, enum, description", "literal"}.of(
        param_fields);
constexpr Field kAxisValue{"", kScalar, "text, a number or a bool", "literal"};
constexpr Field kAxis =
    Field{"", kText | kList, "the values of an axis", "expression"}.listing(kAxisValue).not_empty();
constexpr Field kVolume = Field{"", kMap, "a volume of its Pod"}.of(volume_fields);
constexpr Field kCombination = Field{"", kMap, "a value for each axis"}.of(combination_fields);
constexpr Field kVariable{"", kScalar | kNull, "text; may hold expressions"};
constexpr Field kSecret =
    Field{"", kMap, "where its value comes from: env, file or secret"}.of(secret_fields);
constexpr Field kDeviceCount = Field{"", kInt, "how many"}.within(1, kMostAtOnce);
constexpr Field kRule{"", kText, "a rule", "rule"};
constexpr Field kWord{"", kScalar, "text", "literal"};
constexpr Field kArgument{"", kScalar, "text; may hold expressions"};
constexpr Field kHook =
    Field{"", kList, "the program and its arguments"}.listing(kWord).not_empty();
constexpr Field kServiceOfPipeline = Field{"", kMap, "a service"}.of(pipeline_service_fields);
constexpr Field kCause = Field{"", kText, "why an attempt failed"}.among(kRetriedCauses);

constexpr std::array kPipeline{
    Field{"apiVersion", kText, "the version of the format", {}, kRequired}.among(kApiVersions),
    Field{"kind", kText, "what the document describes", {}, kRequired}.among(kPipelineKind),
    Field{"metadata", kMap, "name, namespace, labels", {}, kRequired}.of(metadata_fields),
    Field{"params", kMap, "typed parameters, by name"}.of(params_fields),
    Field{"defaults", kMap, "fields that every step has unless it says otherwise"}.of(
        default_fields),
    Field{"steps", kList, "what runs, in the order of its needs", {}, kRequired}
        .listing(kStepOfList)
        .not_empty(),
    Field{"on_success", kList, "steps that run after every main step has succeeded"}.listing(
        kStepOfList),
    Field{"on_failure", kList, "steps that run after a main step has failed"}.listing(kStepOfList),
    Field{"on_exit", kList, "steps that run in the end, whatever happened"}.listing(kStepOfList),
    Field{"max_parallel", kInt,
          "attempts at once, at most; without it as many as there is room for"}
        .within(1, kMostAtOnce, kNoLimit),
    Field{"timeout", kScalar, "how long the main steps may take together", "duration"}.above(
        0, kNoTimeout),
    Field{"fail_fast", kBool, "true: the first failure stops what runs"}.initially("false"),
    Field{"priority", kInt, "-100 to 100: runs with a higher one start their steps first"}
        .within(-kHighestPriority, kHighestPriority)
        .initially("0"),
    Field{"concurrency", kMap, "how many runs of a group go on at once"}.of(concurrency_fields),
    Field{"outputs", kMap, "what a run gives, by name; may hold expressions over its steps"}.of(
        outputs_fields),
    Field{"retain", kMap, "which of its runs are kept; the others are deleted when one has ended"}
        .of(retain_fields),
    Field{"schedule", kText | kMap,
          "when it runs by itself once it is registered: a cron expression, or cron, timezone, ...",
          "cron"}
        .of(schedule_fields),
    Field{"services", kList, "services that are registered with it: each as an InferenceService"}
        .listing(kServiceOfPipeline),
};

constexpr std::array kMetadata{
    Field{"name", kText, "the pipeline's name", "label", kRequired},
    Field{"namespace", kText, "whose it is", "label"}.initially("default"),
    Field{"labels", kMap, "text by name, to find runs by"}.of(text_fields),
    Field{"annotations", kMap, "text by name, for tools"}.of(text_fields),
    Field{"description", kText, "what it does, for people"},
};

constexpr std::array kParam{
    Field{"type", kText, "of its values; without it the type of the default"}.among(kParamTypes),
    Field{"default", kAny, "its value where none is given; without it one must be given",
          "literal"},
    Field{"min", kNumber, "the least value (int, float)"},
    Field{"max", kNumber, "the largest value (int, float)"},
    Field{"enum", kList, "the values that are allowed"}.listing(kAllowedValue).not_empty(),
    Field{"description", kText, "what it is for"},
};

// The fields that `defaults` has too come last.
constexpr std::array kStep{
    Field{"name", kText, "its name within the pipeline", "label", kRequired},
    Field{"needs", kText | kList, "the steps that must be done before: one, or a list", "label"}
        .listing(kNeed)
        .not_twice(),
    Field{"pipeline", kText, "another pipeline to run: a file, or NAMESPACE/NAME@VERSION",
          "literal"}
        .not_empty()
        .as_work(),
    Field{"uses", kText, "a step plugin's id, 'command' or 'noop'", "literal"}
        .not_empty()
        .as_work(),
    Field{"run", kText, "a script: short for uses: command with it"}.not_empty().as_work(),
    Field{"shell", kText, "what runs the script"}.not_empty().initially("bash"),
    Field{"cwd", kText, "the directory that the script or command runs in"}.not_empty(),
    Field{"with", kMap, "the plugin's configuration and inputs"}.of(with_fields),
    Field{"matrix", kMap, "axes: the step runs once for each combination of their values"}.of(
        matrix_fields),
    Field{"for_each", kText | kList,
          "a list, or an expression that gives it at run time: the step runs once for each item",
          "expression"}
        .listing(kAnyValue)
        .not_empty(),
    Field{"max_parallel", kInt, "instances at once, at most (matrix, for_each)"}.within(
        1, kMostAtOnce, kNoLimit),
    Field{"approve", kText | kBool | kMap,
          "a person is asked first: true, the question, or message, timeout, default"}
        .of(approve_fields)
        .as_work(),
    Field{"when", kText, "runs only if this is true", "expression"},
    Field{"env", kMap, "environment variables"}.of(env_fields),
    Field{"secrets", kMap,
          "environment variables whose values are seen nowhere: {NAME: {env: X}}, {file: PATH}, or "
          "in a "
          "cluster {secret: {name: NAME, key: KEY}}"}
        .of(secrets_fields),
    Field{"retry", kInt | kMap, "attempts beyond the first: how many, or limit, backoff, on"}
        .of(retry_fields)
        .within(0, kMostRetries)
        .initially("0"),
    Field{"timeout", kScalar, "how long an attempt may take", "duration"}.above(0, kNoTimeout),
    Field{"cache", kBool | kMap, "true: reuse the result of an equal step; or max_age"}
        .of(cache_fields)
        .initially("false"),
    Field{"resources", kMap, "requests and limits of cpu and memory"}.of(resources_fields),
    Field{"allow_failure", kBool, "true: the run goes on, and does not fail because of it"}
        .initially("false"),
    Field{"priority", kInt, "-100 to 100: those with a higher one start first"}
        .within(-kHighestPriority, kHighestPriority)
        .initially("0"),
    Field{"pool", kText | kMap, "a limit that runs share: its name, or name and limit", "label"}.of(
        pool_fields),
    Field{
        "sidecar", kBool | kMap,
        "how it is watched and acted on while it runs: rules, hooks, checkpoint; false: not at all"}
        .of(sidecar_fields),
    Field{"description", kText, "what it does, for people"},
    Field{"image", kText, "the container image that it runs in; where steps are Pods", "image"}
        .not_empty(),
    Field{"command", kList, "the program and its first arguments; short for uses: command with it"}
        .listing(kArgument)
        .not_empty()
        .as_work(),
    Field{"args", kList, "further arguments of 'command'"}.listing(kArgument),
    Field{"pod_template", kMap,
          "fields of its Pod's spec, over those that are made up for it (JSON Merge Patch)"}
        .of(pod_template_fields),
    Field{"reuse", kBool | kMap,
          "true: its Pod is kept for the next step of its kind; or idle, uses, age"}
        .of(reuse_fields)
        .initially("false"),
    Field{"volumes", kList,
          "what else its Pod mounts: path, and host_path, claim or size; where steps are Pods"}
        .listing(kVolume),
    Field{"placement", kMap, "which node its Pod is put on, in a cluster"}.of(placement_fields),
    Field{"replicas", kInt,
          "a gang: so many of it start together, each knows its rank, and it succeeds if all do"}
        .within(1, kMostReplicas)
        .initially("1"),
};

constexpr std::array kSecretSource{
    Field{"env", kText, "the variable that whoever starts the run has it in", "identifier"},
    Field{"file", kText, "the file that holds it; relative: from where the steps start", "literal"}
        .not_empty(),
    Field{"secret", kMap, "the Secret of the cluster that holds it: name and key"}.of(
        secret_key_fields),
};

constexpr std::array kSecretKey{
    Field{"name", kText, "the Secret's", "secret", kRequired},
    Field{"key", kText, "of the value in it", "secret_key", kRequired},
};

constexpr std::array kSidecar{
    Field{"rules", kText | kList,
          "what is done by itself: SIGNAL OP BOUND [rising|falling] [for DURATION] -> PRIMITIVE",
          "rule"}
        .listing(kRule),
    Field{"hooks", kMap, "programs that exec_hook may run, by name"}.of(hooks_fields),
    Field{"checkpoint", kMap, "how a program that offers none is asked for a checkpoint"}.of(
        checkpoint_fields),
};

constexpr std::array kCheckpoint{
    Field{"signal", kText, "what it is sent, such as SIGUSR1", "signal"},
    Field{"program", kList, "what is run instead: the program and its arguments"}
        .listing(kWord)
        .not_empty(),
    Field{"file", kText, "what is there then; relative: in $SCANFLOW_CHECKPOINTS", "literal"}
        .not_empty(),
};

constexpr std::array kRetry{
    Field{"limit", kInt, "attempts beyond the first"}.within(0, kMostRetries).initially("0"),
    Field{"backoff", kMap, "how long to wait before the next"}.of(backoff_fields),
    Field{"on", kText | kList, "the causes that are retried: one, or a list"}
        .among(kRetriedCauses)
        .listing(kCause)
        .initially(R"(["crash", "exit", "oom", "lost", "timeout", "evicted", "retryable"])"),
};

constexpr std::array kBackoff{
    Field{"initial", kScalar, "before the second attempt", "duration"}.initially("1s"),
    Field{"factor", kNumber, "by which the wait grows"}.within(1, 1000).initially("2"),
    Field{"max", kScalar, "the longest wait", "duration"}.initially("1m"),
    Field{"jitter", kNumber, "0 to 1: the part of the wait that is drawn by chance"}
        .within(0, 1)
        .initially("0.2"),
};

constexpr std::array kCache{
    Field{"max_age", kScalar, "older results are not reused", "duration"}.above(
        0, "for no limit: cache: true"),
};

constexpr std::array kReuse{
    Field{"idle", kScalar, "how long it waits for the next step", "duration"}
        .above(0, "to keep none: reuse: false")
        .initially("30s"),
    Field{"uses", kInt, "steps that run in it, at most"}.within(1, kMostUses).initially("100"),
    Field{"age", kScalar, "how old it gets", "duration"}
        .above(0, "to keep none: reuse: false")
        .initially("1h"),
};

constexpr std::array kVolumeFields{
    Field{"path", kText, "where the step finds it", "path", true}.not_empty(),
    Field{"host_path", kText, "a file or directory of the machine that the Pod is on", "path"},
    Field{"claim", kText, "a PersistentVolumeClaim; with podman, a volume of that name", "label"},
    Field{"size", kScalar, "how much an empty one may hold, which goes with the Pod", "bytes"}
        .above(0, "leave it out for no limit"),
    Field{"read_only", kBool, "true: the step cannot write to it"}.initially("false"),
};

constexpr std::array kMatrix{
    Field{"include", kList, "combinations to add, or to add values to"}.listing(kCombination),
    Field{"exclude", kList, "combinations that are left out"}.listing(kCombination),
};

constexpr std::array kResources{
    Field{"requests", kMap, "what is set aside for an attempt; without it the limits"}.of(
        request_fields),
    Field{"limits", kMap, "what an attempt may not exceed"}.of(limit_fields),
    Field{
        "devices", kMap,
        "how many devices of its node its Pod gets, by resource (nvidia.com/gpu: 1); in a cluster"}
        .of(devices_fields),
};

constexpr std::array kApprove{
    Field{"message", kText, "what the person is asked; may hold expressions"},
    Field{"timeout", kScalar, "how long to wait; without it for ever", "duration"}.above(
        0, "to wait for ever leave it out"),
    Field{"default", kText, "what holds after the timeout"}.among(kAnswers).initially("reject"),
};

constexpr std::array kConcurrency{
    Field{"group", kText, "runs of one group count together; without it those of the pipeline"}
        .not_empty(),
    Field{"max", kInt, "runs at once"}.within(1, kMostAtOnce).initially("1"),
    Field{"policy", kText, "for one run more"}.among(kGroupPolicies).initially("queue"),
};

constexpr std::array kRetain{
    Field{"runs", kInt, "how many: the newest"}.within(1, 1e6, "leave 'retain' out to keep all"),
    Field{"age", kScalar, "how long after their end", "duration"}.above(
        0, "leave 'retain' out to keep all"),
};

constexpr std::array kSchedule{
    Field{"cron", kText, "minute, hour, day of month, month, day of week; or @daily, @hourly, ...",
          "cron", kRequired},
    Field{"timezone", kText, "whose clocks count: Europe/Madrid", "zone"}.not_empty().initially(
        "UTC"),
    Field{"starting_deadline", kScalar, "a run that would start later than this is left out",
          "duration"}
        .above(0, "without a deadline leave it out"),
    Field{"catch_up", kText, "of the runs that were missed while no server was there"}
        .among(kCatchUps)
        .initially("last"),
    Field{"suspend", kBool, "true: no run starts"}.initially("false"),
    Field{"params", kMap, "parameters of each run"}.of(schedule_params_fields),
};

constexpr std::array kPool{
    Field{"name", kText, "the pool's name", "label", kRequired},
    Field{"limit", kInt, "attempts of the pool at once, in all runs"}
        .within(1, kMostAtOnce)
        .initially("1"),
};

constexpr std::array kAmount{
    Field{"cpu", kScalar, "processors", "cpu"}.above(0).up_to(kMostCpus),
    Field{"memory", kScalar, "bytes, with units", "bytes"}.at_least(1 << 20,
                                                                    "is a unit missing? 512Mi"),
};

constexpr std::array kKinds{
    DocumentKind{"Pipeline", pipeline_fields},
    DocumentKind{"InferenceService", service_fields},
    DocumentKind{"Agent", agent_fields},
    DocumentKind{"Application", application_fields},
};

constexpr Table kPipelineTable{"pipeline", "a pipeline", kPipeline};
constexpr Table kMetadataTable{"metadata", "metadata", kMetadata};
constexpr Table kTextTable{"texts", "a map of texts", {}, &kAnyText};
constexpr Table kParamsTable{"params", "'params'", {}, &kParamValue, "identifier"};
constexpr Table kParamTable{"param", "a parameter", kParam};
constexpr Table kStepTable{"step", "a step", kStep};
constexpr Table kDefaultTable{"defaults", "'defaults'", std::span(kStep).subspan(3)};
constexpr Table kWithTable{"with", "'with'", {}, &kAnyValue, "literal"};
constexpr Table kMatrixTable{"matrix", "'matrix'", kMatrix, &kAxis, "identifier", true};
constexpr Table kCombinationTable{"combination", "a combination", {}, &kAxisValue, {}, true};
constexpr Table kEnvTable{"env", "'env'", {}, &kVariable, "variable"};
constexpr Table kSecretsTable{"secrets", "'secrets'", {}, &kSecret, "variable"};
constexpr Table kSecretTable{"secret", "a secret", kSecretSource, nullptr, {}, true};
constexpr Table kSecretKeyTable{"secret_key", "a key of a Secret", kSecretKey};
constexpr Table kSidecarTable{"sidecar", "sidecar", kSidecar};
constexpr Table kHooksTable{"hooks", "'sidecar.hooks'", {}, &kHook, "label"};
constexpr Table kCheckpointTable{"checkpoint", "sidecar.checkpoint", kCheckpoint, nullptr, {},
                                 true};
constexpr Table kRetryTable{"retry", "retry", kRetry};
constexpr Table kBackoffTable{"backoff", "retry.backoff", kBackoff};
constexpr Table kCacheTable{"cache", "cache", kCache};
constexpr Table kReuseTable{"reuse", "reuse", kReuse};
constexpr Table kVolumeTable{"volume", "a volume", kVolumeFields};
constexpr Table kResourcesTable{"resources", "resources", kResources};
constexpr Table kDevicesTable{"devices", "resources.devices", {}, &kDeviceCount, "device"};
constexpr Table kRequestTable{"requests", "requests", kAmount};
constexpr Table kLimitTable{"limits", "limits", kAmount};
constexpr Table kApproveTable{"approve", "approve", kApprove};
constexpr Table kConcurrencyTable{"concurrency", "concurrency", kConcurrency};
constexpr Table kOutputsTable{"outputs", "'outputs'", {}, &kAnyValue, "identifier"};
constexpr Table kRetainTable{"retain", "retain", kRetain, nullptr, {}, true};
constexpr Table kScheduleTable{"schedule", "schedule", kSchedule};
constexpr Table kScheduleParamsTable{
    "schedule_params", "'schedule.params'", {}, &kGivenValue, "identifier"};
constexpr Table kPoolTable{"pool", "pool", kPool};

static_assert(kStep.size() <= kMostFields && kPipeline.size() <= kMostFields);

}  // namespace

std::span<const DocumentKind> document_kinds() { return kKinds; }
std::span<const std::string_view> param_types() { return kParamTypes; }

const Table& pipeline_fields() { return kPipelineTable; }
const Table& metadata_fields() { return kMetadataTable; }
const Table& text_fields() { return kTextTable; }
const Table& params_fields() { return kParamsTable; }
const Table& param_fields() { return kParamTable; }
const Table& step_fields() { return kStepTable; }
const Table& default_fields() { return kDefaultTable; }
const Table& with_fields() { return kWithTable; }
const Table& matrix_fields() { return kMatrixTable; }
const Table& combination_fields() { return kCombinationTable; }
const Table& env_fields() { return kEnvTable; }
const Table& secrets_fields() { return kSecretsTable; }
const Table& secret_fields() { return kSecretTable; }
const Table& secret_key_fields() { return kSecretKeyTable; }
const Table& sidecar_fields() { return kSidecarTable; }
const Table& hooks_fields() { return kHooksTable; }
const Table& checkpoint_fields() { return kCheckpointTable; }
const Table& retry_fields() { return kRetryTable; }
const Table& backoff_fields() { return kBackoffTable; }
const Table& cache_fields() { return kCacheTable; }
const Table& reuse_fields() { return kReuseTable; }
const Table& volume_fields() { return kVolumeTable; }
const Table& resources_fields() { return kResourcesTable; }
const Table& devices_fields() { return kDevicesTable; }
const Table& request_fields() { return kRequestTable; }
const Table& limit_fields() { return kLimitTable; }
const Table& approve_fields() { return kApproveTable; }
const Table& concurrency_fields() { return kConcurrencyTable; }
const Table& outputs_fields() { return kOutputsTable; }
const Table& retain_fields() { return kRetainTable; }
const Table& schedule_fields() { return kScheduleTable; }
const Table& schedule_params_fields() { return kScheduleParamsTable; }
const Table& pool_fields() { return kPoolTable; }

}  // namespace scanflow::pipeline
