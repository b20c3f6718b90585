// The fields of an InferenceService.
#include <array>

#include "engine/pipeline/fields.hpp"

namespace scanflow::pipeline {
namespace {

constexpr bool kMandatory = true;
constexpr double kMostRows = 65'536;
constexpr double kMostThreads = 1024;
constexpr double kMostReplicasOfService = 1000;
constexpr double kMostRequests = 100'000;  // on their way at once
constexpr double kMostWeight = 1e6;
constexpr double kLongestStabilization = 3600e6;  // as of Kubernetes

constexpr std::array<std::string_view, 1> kServiceVersionsOfApi{"scanflow.dev/v1"};
constexpr std::array<std::string_view, 1> kServiceKind{"InferenceService"};
constexpr std::array<std::string_view, 5> kNodeTypes{"MODEL", "TRANSFORMER", "ROUTER", "COMBINER",
                                                     "OUTLIER_DETECTOR"};

constexpr std::array<std::string_view, 1> kServiceMetrics{"in_flight"};
constexpr std::array<std::string_view, 1> kWhenBackup{"not_ready"};

constexpr Field kNodeOfGraph = Field{"", kMap, "a node"}.of(service_node_fields);
constexpr Field kNodeNeed{"", kText, "a node's name", "label"};
constexpr Field kWordOfContainer{"", kScalar, "a word", "literal"};
constexpr Field kVersionOfModel =
    Field{"", kMap, "a version of the model"}.of(service_version_fields);

/// All of a service but what a document has that is one by itself.
constexpr std::array kServiceBody{
    Field{"graph",
          kList,
          "what answers a request: nodes, in the order of their needs",
          {},
          kMandatory}
        .listing(kNodeOfGraph)
        .not_empty(),
    Field{"batching", kMap, "requests that are answered by one call of a model"}.of(
        service_batching_fields),
    Field{"scaling", kMap, "how many processes serve"}.of(service_scaling_fields),
    Field{"resources", kMap, "of each process"}.of(service_resources_fields),
    Field{"queue", kInt, "requests on their way at once; past them a client is told 429"}
        .within(1, kMostRequests)
        .initially("256"),
    Field{"timeout", kScalar, "of a request that says none itself", "duration"}
        .above(0, "leave it out for 30 s")
        .initially("30s"),
    Field{"retries", kInt, "how often a request is given to another process when its own has ended"}
        .within(0, 10)
        .initially("1"),
    Field{"slo", kMap, "what is promised"}.of(service_slo_fields),
    Field{"backup", kMap, "what answers while no process of the service is ready"}.of(
        service_backup_fields),
};

constexpr std::array kServiceHead{
    Field{"apiVersion", kText, "the version of the format", {}, kMandatory}.among(
        kServiceVersionsOfApi),
    Field{"kind", kText, "what the document describes", {}, kMandatory}.among(kServiceKind),
    Field{"metadata", kMap, "name, namespace, labels", {}, kMandatory}.of(metadata_fields),
};
constexpr std::array kServiceName{
    Field{"name", kText, "its name within the pipeline's namespace", "label", kMandatory},
};

template <std::size_t A, std::size_t B>
constexpr std::array<Field, A + B> both(const std::array<Field, A>& first,
                                        const std::array<Field, B>& then) {
  std::array<Field, A + B> all{};
  for (std::size_t i = 0; i < A; ++i) all[i] = first[i];
  for (std::size_t i = 0; i < B; ++i) all[A + i] = then[i];
  return all;
}
constexpr auto kService = both(kServiceHead, kServiceBody);
constexpr auto kPipelineService = both(kServiceName, kServiceBody);

constexpr std::array kServiceNode{
    Field{"name", kText, "its name within the graph", "label", kMandatory},
    Field{"type", kText, "what it is in the graph"}.among(kNodeTypes).initially("MODEL"),
    Field{"needs", kText | kList,
          "the nodes whose outputs it takes: one, or a list; none: the request", "label"}
        .listing(kNodeNeed)
        .not_twice(),
    Field{"uses", kText, "a step plugin that serves online; or 'container', or 'url'", "literal"}
        .not_empty()
        .as_work(),
    Field{"container", kMap,
          "a container that speaks the Open Inference Protocol, in the service's Pods"}
        .of(service_container_fields)
        .as_work(),
    Field{"url", kText,
          "http://HOST:PORT/v2/models/NAME: a model that another server has, by that protocol",
          "model url"}
        .as_work(),
    Field{"with", kMap, "the plugin's configuration"}.of(with_fields),
    Field{"model", kText, "models:/NAME@ALIAS, models:/NAME/VERSION, or the path of a file",
          "literal"}
        .not_empty(),
    Field{"traffic", kList, "several versions of the model side by side, instead of 'model'"}
        .listing(kVersionOfModel)
        .not_empty(),
};

constexpr std::array kServiceContainer{
    Field{"image", kText, "the container image", "image", kMandatory}.not_empty(),
    Field{"command", kList, "the program and its first arguments, instead of the image's"}
        .listing(kWordOfContainer)
        .not_empty(),
    Field{"args", kList, "arguments, instead of the image's"}.listing(kWordOfContainer),
    Field{"env", kMap, "environment variables"}.of(env_fields),
    Field{"port", kInt, "that it listens at"}.within(1, 65535).initially("9000"),
    Field{"model", kText, "as it calls the model; the node's name where it says none", "literal"}
        .not_empty(),
    Field{"resources", kMap, "of the container"}.of(service_resources_fields),
};

constexpr std::array kServiceVersion{
    Field{"model", kText, "models:/NAME@ALIAS, models:/NAME/VERSION, or the path of a file",
          "literal", kMandatory}
        .not_empty(),
    Field{"weight", kNumber, "its share of the requests, against the others'"}
        .within(0, kMostWeight)
        .initially("1"),
    Field{"shadow", kBool, "true: it gets copies of requests, and its answers are compared only"}
        .initially("false"),
};

constexpr std::array kServiceBatching{
    Field{"max_size", kInt, "rows of one call, at most"}.within(1, kMostRows).initially("1"),
    Field{"max_delay", kScalar, "how long a request waits for others while no call runs",
          "duration"}
        .at_least(0)
        .initially("0s"),
};

constexpr std::array kServiceScaling{
    Field{"min", kInt, "processes that are kept ready, at least"}
        .within(1, kMostReplicasOfService)
        .initially("1"),
    Field{"max", kInt, "processes at most: their number follows 'metric'; without it, it is 'min'"}
        .within(1, kMostReplicasOfService),
    Field{"metric", kText, "what the number of processes follows"}.among(kServiceMetrics),
    Field{"target", kNumber, "of the metric, for each process"}
        .above(0, "requests on their way that one process is to have")
        .up_to(kMostRequests)
        .initially("8"),
    Field{"stabilization", kScalar, "fewer are kept only when fewer were enough for so long",
          "duration"}
        .within(0, kLongestStabilization)
        .initially("30s"),
};

constexpr std::array kServiceResources{
    Field{"cpu", kScalar, "processors, and as many threads, rounded up, that compute one call",
          "cpu"}
        .above(0)
        .up_to(kMostThreads)
        .initially("1"),
    Field{"memory", kScalar,
          "of its Pod, where it runs in a cluster: what is set aside, and the limit", "bytes"}
        .at_least(16 << 20, "a sidecar alone has as much"),
};

constexpr std::array kServiceSlo{
    Field{"p99", kScalar, "within which 99 of 100 requests are answered", "duration"}.above(
        0, "without one leave it out"),
    Field{"errors", kScalar, "the share of requests that may be answered with a status of 5xx",
          "share"}
        .above(0, "write 0.1%, or 0.001; without one leave it out")
        .below(1),
};

constexpr std::array kServiceBackup{
    Field{"model", kText, "models:/NAME@ALIAS, models:/NAME/VERSION, or the path of a file",
          "literal", kMandatory}
        .not_empty(),
    Field{"when", kText, "when requests go to it"}.among(kWhenBackup),
    Field{"node", kText, "whose model it replaces; one MODEL node with a model needs no saying",
          "label"},
};

constexpr Table kServiceTable{"service", "a service", kService};
constexpr Table kPipelineServiceTable{"pipeline_service", "a service", kPipelineService};
constexpr Table kServiceNodeTable{"service_node", "a node", kServiceNode};
constexpr Table kServiceContainerTable{"service_container", "a container", kServiceContainer};
constexpr Table kServiceVersionTable{"service_version", "a version", kServiceVersion};
constexpr Table kServiceBatchingTable{"service_batching", "batching", kServiceBatching};
constexpr Table kServiceScalingTable{"service_scaling", "scaling", kServiceScaling};
constexpr Table kServiceResourcesTable{"service_resources", "resources", kServiceResources};
constexpr Table kServiceSloTable{"service_slo", "slo", kServiceSlo};
constexpr Table kServiceBackupTable{"service_backup", "backup", kServiceBackup};

}  // namespace

const Table& service_fields() { return kServiceTable; }
const Table& pipeline_service_fields() { return kPipelineServiceTable; }
const Table& service_node_fields() { return kServiceNodeTable; }
const Table& service_container_fields() { return kServiceContainerTable; }
const Table& service_version_fields() { return kServiceVersionTable; }
const Table& service_batching_fields() { return kServiceBatchingTable; }
const Table& service_scaling_fields() { return kServiceScalingTable; }
const Table& service_resources_fields() { return kServiceResourcesTable; }
const Table& service_slo_fields() { return kServiceSloTable; }
const Table& service_backup_fields() { return kServiceBackupTable; }

}  // namespace scanflow::pipeline
