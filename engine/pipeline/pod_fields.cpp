#include "engine/pipeline/pod_fields.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/pipeline/fields.hpp"

namespace scanflow::pipeline {
namespace {

constexpr bool kNeeded = true;

template <const Table& table>
const Table& give() {
  return table;
}

constexpr Field text(std::string_view name, std::string_view doc, bool required = false) {
  return {name, kText, doc, "literal", required};
}
constexpr double kMostInt = 2'147'483'647;
constexpr Field whole(std::string_view name, std::string_view doc, bool required = false) {
  return Field{name, kInt, doc, {}, required}.within(0, kMostInt);
}
constexpr Field weight() {
  return Field{"weight", kInt, "how much it matters", {}, kNeeded}.within(1, 100);
}
constexpr Field flag(std::string_view name, std::string_view doc) { return {name, kBool, doc}; }

constexpr Field kPodWord{"", kText, "text", "literal"};
constexpr Field kGroup = Field{"", kInt, "the number of a group"}.within(0, kMostInt);
constexpr Table kWordsTable{"pod_words", "a map of texts", {}, &kPodWord};

constexpr Field word_list(std::string_view name, std::string_view doc) {
  return Field{name, kList, doc}.listing(kPodWord);
}
constexpr Field labels(std::string_view name, std::string_view doc) {
  return Field{name, kMap, doc}.of(give<kWordsTable>);
}

constexpr std::array<std::string_view, 4> kDns{"ClusterFirst", "ClusterFirstWithHostNet", "Default",
                                               "None"};
constexpr std::array<std::string_view, 2> kPreemption{"Never", "PreemptLowerPriority"};
constexpr std::array<std::string_view, 2> kGroupChange{"Always", "OnRootMismatch"};
constexpr std::array<std::string_view, 2> kGroups{"Merge", "Strict"};
constexpr std::array<std::string_view, 3> kProfile{"Localhost", "RuntimeDefault", "Unconfined"};
constexpr std::array<std::string_view, 3> kEffect{"NoExecute", "NoSchedule", "PreferNoSchedule"};
constexpr std::array<std::string_view, 4> kTolerated{"Equal", "Exists", "Gt", "Lt"};
constexpr std::array<std::string_view, 2> kHonor{"Honor", "Ignore"};
constexpr std::array<std::string_view, 2> kUnsatisfiable{"DoNotSchedule", "ScheduleAnyway"};
constexpr std::array<std::string_view, 6> kNodeOperator{"DoesNotExist", "Exists", "Gt",
                                                        "In",           "Lt",     "NotIn"};
constexpr std::array<std::string_view, 4> kLabelOperator{"DoesNotExist", "Exists", "In", "NotIn"};
constexpr std::array<std::string_view, 1> kLinux{"linux"};

// Which nodes, and which Pods.
constexpr std::array kNodeRequirement{
    text("key", "a label of nodes", kNeeded),
    Field{"operator", kText, "how it is compared", {}, kNeeded}.among(kNodeOperator),
    word_list("values", "with what"),
};
constexpr Table kNodeRequirementTable{"pod_node_requirement", "a node requirement",
                                      kNodeRequirement};
constexpr Field kNodeRequirementField =
    Field{"", kMap, "a requirement"}.of(give<kNodeRequirementTable>);
constexpr std::array kNodeTerm{
    Field{"matchExpressions", kList, "of labels"}.listing(kNodeRequirementField),
    Field{"matchFields", kList, "of fields"}.listing(kNodeRequirementField),
};
constexpr Table kNodeTermTable{"pod_node_term", "a node selector term", kNodeTerm};
constexpr Field kNodeTermField = Field{"", kMap, "a term"}.of(give<kNodeTermTable>);
constexpr std::array kNodeSelector{
    Field{"nodeSelectorTerms", kList, "one of these must hold", {}, kNeeded}.listing(
        kNodeTermField),
};
constexpr Table kNodeSelectorTable{"pod_node_selector", "a node selector", kNodeSelector};
constexpr std::array kNodePreference{
    weight(),
    Field{"preference", kMap, "which nodes", {}, kNeeded}.of(give<kNodeTermTable>),
};
constexpr Table kNodePreferenceTable{"pod_node_preference", "a node preference", kNodePreference};
constexpr Field kNodePreferenceField =
    Field{"", kMap, "a preference"}.of(give<kNodePreferenceTable>);
constexpr std::array kNodeAffinity{
    Field{"requiredDuringSchedulingIgnoredDuringExecution", kMap, "what must hold"}.of(
        give<kNodeSelectorTable>),
    Field{"preferredDuringSchedulingIgnoredDuringExecution", kList, "what should"}.listing(
        kNodePreferenceField),
};
constexpr Table kNodeAffinityTable{"pod_node_affinity", "nodeAffinity", kNodeAffinity};

constexpr std::array kLabelRequirement{
    text("key", "a label", kNeeded),
    Field{"operator", kText, "how it is compared", {}, kNeeded}.among(kLabelOperator),
    word_list("values", "with what"),
};
constexpr Table kLabelRequirementTable{"pod_label_requirement", "a label requirement",
                                       kLabelRequirement};
constexpr Field kLabelRequirementField =
    Field{"", kMap, "a requirement"}.of(give<kLabelRequirementTable>);
constexpr std::array kLabelSelector{
    Field{"matchExpressions", kList, "what must hold of labels"}.listing(kLabelRequirementField),
    labels("matchLabels", "labels that must be as given"),
};
constexpr Table kLabelSelectorTable{"pod_label_selector", "a label selector", kLabelSelector};
constexpr std::array kPodTerm{
    Field{"labelSelector", kMap, "which Pods"}.of(give<kLabelSelectorTable>),
    word_list("matchLabelKeys", "labels that must be as this Pod's"),
    word_list("mismatchLabelKeys", "labels that must not be as this Pod's"),
    Field{"namespaceSelector", kMap, "of which namespaces"}.of(give<kLabelSelectorTable>),
    word_list("namespaces", "of which namespaces, by name"),
    text("topologyKey", "the label of nodes that says where", kNeeded),
};
constexpr Table kPodTermTable{"pod_pod_term", "a Pod affinity term", kPodTerm};
constexpr Field kPodTermField = Field{"", kMap, "a term"}.of(give<kPodTermTable>);
constexpr std::array kPodPreference{
    weight(),
    Field{"podAffinityTerm", kMap, "near which Pods", {}, kNeeded}.of(give<kPodTermTable>),
};
constexpr Table kPodPreferenceTable{"pod_pod_preference", "a Pod preference", kPodPreference};
constexpr Field kPodPreferenceField = Field{"", kMap, "a preference"}.of(give<kPodPreferenceTable>);
constexpr std::array kPodAffinity{
    Field{"requiredDuringSchedulingIgnoredDuringExecution", kList, "what must hold"}.listing(
        kPodTermField),
    Field{"preferredDuringSchedulingIgnoredDuringExecution", kList, "what should"}.listing(
        kPodPreferenceField),
};
constexpr Table kPodAffinityTable{"pod_pod_affinity", "a Pod affinity", kPodAffinity};
constexpr std::array kAffinity{
    Field{"nodeAffinity", kMap, "to nodes"}.of(give<kNodeAffinityTable>),
    Field{"podAffinity", kMap, "to Pods"}.of(give<kPodAffinityTable>),
    Field{"podAntiAffinity", kMap, "away from Pods"}.of(give<kPodAffinityTable>),
};
constexpr Table kAffinityTable{"pod_affinity", "affinity", kAffinity};

constexpr std::array kToleration{
    Field{"effect", kText, "of the taint"}.among(kEffect),
    text("key", "of the taint"),
    Field{"operator", kText, "how it is compared"}.among(kTolerated),
    Field{"tolerationSeconds", kInt, "for how long"},
    text("value", "of the taint"),
};
constexpr Table kTolerationTable{"pod_toleration", "a toleration", kToleration};
constexpr Field kTolerationField = Field{"", kMap, "a toleration"}.of(give<kTolerationTable>);

constexpr std::array kSpread{
    Field{"labelSelector", kMap, "which Pods"}.of(give<kLabelSelectorTable>),
    word_list("matchLabelKeys", "labels that must be as this Pod's"),
    whole("maxSkew", "how uneven it may be", kNeeded),
    whole("minDomains", "over how many at least"),
    Field{"nodeAffinityPolicy", kText, "do nodes count that its affinity rules out?"}.among(kHonor),
    Field{"nodeTaintsPolicy", kText, "do nodes count whose taints it does not tolerate?"}.among(
        kHonor),
    text("topologyKey", "the label of nodes that says where", kNeeded),
    Field{"whenUnsatisfiable", kText, "what then", {}, kNeeded}.among(kUnsatisfiable),
};
constexpr Table kSpreadTable{"pod_spread", "a topology spread constraint", kSpread};
constexpr Field kSpreadField = Field{"", kMap, "a constraint"}.of(give<kSpreadTable>);

// As whom, and with what rights.
constexpr std::array kProfiled{
    Field{"type", kText, "which profile", {}, kNeeded}.among(kProfile),
    text("localhostProfile", "its name on the node"),
};
constexpr Table kAppArmorTable{"pod_app_armor", "appArmorProfile", kProfiled};
constexpr Table kSeccompTable{"pod_seccomp", "seccompProfile", kProfiled};
constexpr std::array kSeLinux{text("level", "SELinux level"), text("role", "SELinux role"),
                              text("type", "SELinux type"), text("user", "SELinux user")};
constexpr Table kSeLinuxTable{"pod_selinux", "seLinuxOptions", kSeLinux};
constexpr std::array kSysctl{text("name", "its name", kNeeded),
                             text("value", "its value", kNeeded)};
constexpr Table kSysctlTable{"pod_sysctl", "a sysctl", kSysctl};
constexpr Field kSysctlField = Field{"", kMap, "a sysctl"}.of(give<kSysctlTable>);
constexpr std::array kSecurity{
    Field{"appArmorProfile", kMap, "the AppArmor profile"}.of(give<kAppArmorTable>),
    whole("fsGroup", "the group of its volumes"),
    Field{"fsGroupChangePolicy", kText, "when volumes are given to it"}.among(kGroupChange),
    whole("runAsGroup", "the number of its group"),
    flag("runAsNonRoot", "true: it does not start as root"),
    Field{"runAsUser", kInt, "the number of its user; not root's"}.within(
        1, kMostInt, "a step's Pod does not run as root: its sidecar would not be let near it"),
    text("seLinuxChangePolicy", "how volumes are labelled"),
    Field{"seLinuxOptions", kMap, "the SELinux context"}.of(give<kSeLinuxTable>),
    Field{"seccompProfile", kMap, "the seccomp profile"}.of(give<kSeccompTable>),
    Field{"supplementalGroups", kList, "further groups"}.listing(kGroup),
    Field{"supplementalGroupsPolicy", kText, "do the image's groups count?"}.among(kGroups),
    Field{"sysctls", kList, "kernel settings of the Pod"}.listing(kSysctlField),
};
constexpr Table kSecurityTable{"pod_security", "securityContext", kSecurity};

// Names, and what it is given.
constexpr std::array kDnsOption{text("name", "its name"), text("value", "its value")};
constexpr Table kDnsOptionTable{"pod_dns_option", "an option of dnsConfig", kDnsOption};
constexpr Field kDnsOptionField = Field{"", kMap, "an option"}.of(give<kDnsOptionTable>);
constexpr std::array kDnsConfig{
    word_list("nameservers", "addresses"),
    Field{"options", kList, "of the resolver"}.listing(kDnsOptionField),
    word_list("searches", "domains that are tried"),
};
constexpr Table kDnsConfigTable{"pod_dns_config", "dnsConfig", kDnsConfig};
constexpr std::array kHostAlias{word_list("hostnames", "names"), text("ip", "address", kNeeded)};
constexpr Table kHostAliasTable{"pod_host_alias", "a host alias", kHostAlias};
constexpr Field kHostAliasField = Field{"", kMap, "an alias"}.of(give<kHostAliasTable>);
constexpr std::array kReference{text("name", "the Secret's name")};
constexpr Table kReferenceTable{"pod_reference", "a reference", kReference};
constexpr Field kReferenceField = Field{"", kMap, "a Secret"}.of(give<kReferenceTable>);
constexpr std::array kOs{Field{"name", kText, "linux", {}, kNeeded}.among(kLinux)};
constexpr Table kOsTable{"pod_os", "os", kOs};
constexpr std::array kReadiness{text("conditionType", "a condition of the Pod", kNeeded)};
constexpr Table kReadinessTable{"pod_readiness", "a readiness gate", kReadiness};
constexpr Field kReadinessField = Field{"", kMap, "a gate"}.of(give<kReadinessTable>);
constexpr std::array kClaim{text("name", "its name in the Pod", kNeeded),
                            text("resourceClaimName", "a ResourceClaim"),
                            text("resourceClaimTemplateName", "a ResourceClaimTemplate")};
constexpr Table kClaimTable{"pod_claim", "a resource claim", kClaim};
constexpr Field kClaimField = Field{"", kMap, "a claim"}.of(give<kClaimTable>);
constexpr std::array kGate{text("name", "its name", kNeeded)};
constexpr Table kGateTable{"pod_gate", "a scheduling gate", kGate};
constexpr Field kGateField = Field{"", kMap, "a gate"}.of(give<kGateTable>);
constexpr std::array kSchedulingGroup{text("podGroupName", "the PodGroup")};
constexpr Table kSchedulingGroupTable{"pod_scheduling_group", "schedulingGroup", kSchedulingGroup};

constexpr std::array kSpec{
    whole("activeDeadlineSeconds", "how long it may live; for a step rather 'timeout'"),
    Field{"affinity", kMap, "near or away from what it is put"}.of(give<kAffinityTable>),
    flag("automountServiceAccountToken", "true: it gets its service account's token"),
    Field{"dnsConfig", kMap, "settings of its resolver"}.of(give<kDnsConfigTable>),
    Field{"dnsPolicy", kText, "where it looks up names"}.among(kDns),
    flag("enableServiceLinks", "true: variables for each service of its namespace"),
    Field{"hostAliases", kList, "lines of its /etc/hosts"}.listing(kHostAliasField),
    flag("hostIPC", "true: the node's IPC namespace"),
    flag("hostUsers", "false: a user namespace of its own"),
    text("hostname", "its host's name"),
    text("hostnameOverride", "its host's name, whatever its own is"),
    Field{"imagePullSecrets", kList, "Secrets with which images are pulled"}.listing(
        kReferenceField),
    text("nodeName", "the node that it runs on"),
    labels("nodeSelector", "labels that its node must have"),
    Field{"os", kMap, "the system that it needs"}.of(give<kOsTable>),
    Field{"preemptionPolicy", kText, "may it take others' places?"}.among(kPreemption),
    Field{"priority", kInt, "how much it matters; rather priorityClassName"},
    text("priorityClassName", "a PriorityClass"),
    Field{"readinessGates", kList, "what else makes it ready"}.listing(kReadinessField),
    Field{"resourceClaims", kList, "devices that it claims"}.listing(kClaimField),
    text("runtimeClassName", "a RuntimeClass"),
    text("schedulerName", "whose scheduler places it"),
    Field{"schedulingGates", kList, "what must be gone before it is placed"}.listing(kGateField),
    Field{"schedulingGroup", kMap, "those that it is placed with"}.of(give<kSchedulingGroupTable>),
    Field{"securityContext", kMap, "as whom it runs, with what rights"}.of(give<kSecurityTable>),
    text("serviceAccount", "rather serviceAccountName"),
    text("serviceAccountName", "its service account"),
    flag("setHostnameAsFQDN", "true: its host's name with its domain"),
    text("subdomain", "of its host's name"),
    whole("terminationGracePeriodSeconds", "from SIGTERM to SIGKILL"),
    Field{"tolerations", kList, "taints that do not keep it away"}.listing(kTolerationField),
    Field{"topologySpreadConstraints", kList, "how such Pods are spread"}.listing(kSpreadField),
};
constexpr Table kSpecTable{"pod_template", "'pod_template'", kSpec};
static_assert(kSpec.size() <= kMostFields);

// In the words of a pipeline, what of it says where a Pod is put.
constexpr std::array kPlacement{
    labels("node_selector", "labels that its node must have"),
    Field{"affinity", kMap, "near or away from what it is put"}.of(give<kAffinityTable>),
    Field{"tolerations", kList, "taints that do not keep it away"}.listing(kTolerationField),
    Field{"spread", kList, "how such Pods are spread"}.listing(kSpreadField),
};
constexpr Table kPlacementTable{"placement", "'placement'", kPlacement};
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPlacementNames{
    {{"node_selector", "nodeSelector"},
     {"affinity", "affinity"},
     {"tolerations", "tolerations"},
     {"spread", "topologySpreadConstraints"}}};

struct Instead {
  std::string_view name, hint;
};
constexpr std::string_view kOwn =
    "leave it out: image, command, args, env and resources are fields of the step";
constexpr std::string_view kNoSidecar = "leave it out: such a Pod cannot have a sidecar";
constexpr std::array kInstead{
    Instead{"containers", kOwn},
    Instead{"initContainers", kOwn},
    Instead{"ephemeralContainers", kOwn},
    Instead{"resources", "give the step's own field 'resources'"},
    Instead{"overhead", "leave it out: it is the RuntimeClass's"},
    Instead{"volumes", "leave it out: 'volumes' is a field of the step"},
    Instead{"restartPolicy", "leave it out: how often a step is tried again says 'retry'"},
    Instead{"shareProcessNamespace", "leave it out"},
    Instead{"hostNetwork", kNoSidecar},
    Instead{"hostPID", kNoSidecar},
    Instead{"spec", "write the spec's fields right into 'pod_template'"},
    Instead{"metadata", "leave it out: the engine names and labels its Pods"},
};

}  // namespace

const Table& pod_template_fields() { return kSpecTable; }
const Table& placement_fields() { return kPlacementTable; }
std::span<const std::pair<std::string_view, std::string_view>> placement_names() {
  return kPlacementNames;
}

std::string_view instead_of_pod_field(std::string_view name) {
  const auto* found = std::find_if(kInstead.begin(), kInstead.end(),
                                   [&](const Instead& each) { return each.name == name; });
  return found == kInstead.end() ? std::string_view() : found->hint;
}

}  // namespace scanflow::pipeline
