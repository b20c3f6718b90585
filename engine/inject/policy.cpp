#include "engine/inject/policy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>
#include <vector>

#include "engine/inject/cel.hpp"
#include "engine/inject/names.hpp"
#include "engine/inject/parts.hpp"
#include "engine/inject/record.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr const char* kName = "scanflow-injection";
constexpr int kMostContainers = 32;

// Stand for what is known of a Pod only when it comes.
constexpr std::int64_t kUser = 1'000'000'007, kGroup = 1'000'000'009;
constexpr std::int64_t kLiveness = 1'000'000'021;
constexpr const char* kContainer = "<container>";

/// Of the container that `i` is the index of.
constexpr const char* kIndexed = "object.spec.containers[i]";
constexpr const char* kPath = "\"/spec/containers/\" + string(i) + \"";

Holes holes() {
  return {{{kContainer, fmt::format("{}.name", kIndexed)},
           {std::to_string(kLiveness), "string(variables.liveness[i])"}},
          {{kUser, "variables.user"}, {kGroup, "variables.group"}}};
}

PodFacts facts() {
  PodFacts facts;
  facts.user = kUser;
  facts.group = kGroup;
  facts.other_users = true;
  return facts;
}

// --- operations

std::string add_operation(const std::string& path, const std::string& value) {
  return fmt::format("JSONPatch{{op: \"add\", path: {}, value: {}}}", path, value);
}

/// Makes a list that is not there, then puts `values` in at `place`, one after the other.
std::string into_list(const std::string& field, const char* place,
                      const std::vector<std::string>& values) {
  std::vector<std::string> operations;
  operations.reserve(values.size());
  for (const std::string& value : values)
    operations.push_back("  " +
                         add_operation(cel_text(fmt::format("/spec/{}/{}", field, place)), value));
  return fmt::format("(has(object.spec.{0}) ? [] : [{1}]) + [\n{2}\n]", field,
                     add_operation(cel_text("/spec/" + field), "[]"), fmt::join(operations, ",\n"));
}

/// For each of the app's containers of which `condition` holds.
std::string for_each_container(const std::string& condition, const std::string& operation) {
  const std::string chosen = condition.empty() ? "" : fmt::format(".filter(i, {})", condition);
  return fmt::format("variables.app{}.map(i,\n  {})", chosen, operation);
}

std::string make_list(const char* field) {
  return for_each_container(fmt::format("!has({}.{})", kIndexed, field),
                            add_operation(fmt::format("{}/{}\"", kPath, field), "[]"));
}

std::string volumes_expression(const Settings& settings) {
  std::vector<std::string> values;
  for (const json& volume : volumes(facts(), settings))
    values.push_back(cel_of(volume, "Object.spec.volumes", holes()));
  return into_list("volumes", "-", values);
}

std::string mounts_expression() {
  return fmt::format(
      "{} +\n{}", make_list("volumeMounts"),
      for_each_container(
          "", add_operation(fmt::format("{}/volumeMounts/-\"", kPath),
                            cel_of(app_mount(), "Object.spec.containers.volumeMounts"))));
}

/// Which containers have a variable of ours; "": all.
std::string condition_of(const std::string& variable) {
  if (variable == "SCANFLOW_STEERING") return "variables.liveness[i] > 0";
  if (variable == "SCANFLOW_MEMORY_LIMIT")
    return fmt::format(
        "has({0}.resources) && has({0}.resources.limits) && \"memory\" in "
        "{0}.resources.limits",
        kIndexed);
  return "";
}

std::string environment_expression(const Settings& settings) {
  AppContainer container;
  container.name = kContainer;
  container.liveness_s = kLiveness;
  container.has_memory_limit = true;
  std::string expression = make_list("env");
  for (const json& variable : app_environment(container, settings)) {
    const auto name = variable["name"].get<std::string>();
    // Where the user has said it, that holds.
    std::string condition = fmt::format("!(has({0}.env) && {0}.env.exists(e, e.name == {1}))",
                                        kIndexed, cel_text(name));
    if (const std::string more = condition_of(name); !more.empty()) condition += " && " + more;
    expression +=
        " +\n" +
        for_each_container(condition,
                           add_operation(fmt::format("{}/env/-\"", kPath),
                                         cel_of(variable, "Object.spec.containers.env", holes())));
  }
  return expression;
}

std::string commands_expression() {
  std::vector<std::string> all;
  const std::string condition = fmt::format("has({0}.command) && size({0}.command) > 0", kIndexed);
  for (auto word = kPrefix.rbegin(); word != kPrefix.rend(); ++word) {
    all.push_back(for_each_container(
        condition, add_operation(fmt::format("{}/command/0\"", kPath), cel_text(*word))));
  }
  return fmt::format("{}", fmt::join(all, " +\n"));
}

std::string containers_expression(const Settings& settings) {
  json sidecar = sidecar_container(facts(), settings);
  Holes filled = holes();
  const std::string anybody = "<anybody>";
  filled.texts[anybody] = "(variables.otherUsers ? \"1\" : \"0\")";
  for (json& variable : sidecar["env"]) {
    if (variable["name"] == "SCANFLOW_SOCKET_FOR_ALL") variable["value"] = anybody;
  }
  constexpr const char* kType = "Object.spec.initContainers";
  return into_list("initContainers", "0",
                   {cel_of(sidecar, kType, filled),
                    cel_of(launcher_container(facts(), settings), kType, filled)});
}

std::string annotation_expression(const Settings& settings) {
  const std::string record = cel_text(policy_record(settings.version));
  return fmt::format(
      "has(object.metadata.annotations)\n? [{}]\n: [{}]",
      add_operation(
          fmt::format("\"/metadata/annotations/\" + jsonpatch.escapeKey({})", cel_text(kInjected)),
          record),
      add_operation("\"/metadata/annotations\"",
                    fmt::format("{{{}: {}}}", cel_text(kInjected), record)));
}

json mutation(const std::string& expression) {
  return {{"patchType", "JSONPatch"}, {"jsonPatch", {{"expression", expression + "\n"}}}};
}

// --- what is left alone, as refusal() says it

json condition(const char* name, const std::string& expression) {
  return {{"name", name}, {"expression", expression}};
}

constexpr const char* kAnnotations =
    "(has(object.metadata.annotations) ? object.metadata.annotations : {})";
constexpr const char* kAll =
    "(object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : "
    "[]))";

/// scanflow.dev/inject is that.
std::string says(const char* word) {
  return fmt::format(
      "(has(object.metadata.annotations) && \"scanflow.dev/inject\" in object.metadata.annotations "
      "&& object.metadata.annotations[\"scanflow.dev/inject\"] == \"{}\")",
      word);
}

std::string quoted_list(const std::vector<std::string_view>& names) {
  std::vector<std::string> all;
  all.reserve(names.size());
  for (const std::string_view name : names) all.push_back(cel_text(name));
  return fmt::format("[{}]", fmt::join(all, ", "));
}

json conditions(const Settings& settings) {
  const bool by_word = settings.only_enabled;
  json all = json::array(
      {condition("wanted", by_word ? says("enabled") : "!" + says("disabled")),
       condition("no-settings-of-its-own",
                 fmt::format("!{}.exists(k, k.startsWith(\"{}\") && k != \"scanflow.dev/inject\")",
                             kAnnotations, kAnnotationPrefix)),
       condition("no-sidecar-yet",
                 fmt::format("!{}.exists(c, c.name in {} || (has(c.command) && size(c.command) > 0 "
                             "&& c.command[0] == {}) || (has(c.env) && c.env.exists(e, e.name == "
                             "{})))",
                             kAll, quoted_list({kSidecar, kLauncher}), cel_text(kPrefix[0]),
                             cel_text(kSocketVariable))),
       condition("few-containers",
                 fmt::format("size(object.spec.containers) <= {}", kMostContainers)),
       condition("no-static-pod",
                 fmt::format("!{0}.exists(k, k == \"kubernetes.io/config.mirror\" || (k == "
                             "\"kubernetes.io/config.source\" && "
                             "object.metadata.annotations[k] == \"file\"))",
                             kAnnotations)),
       condition("own-network", "!(has(object.spec.hostNetwork) && object.spec.hostNetwork)"),
       condition("own-processes", "!(has(object.spec.hostPID) && object.spec.hostPID)"),
       condition("no-windows",
                 "!(has(object.spec.os) && object.spec.os.name == \"windows\") && "
                 "!(has(object.spec.nodeSelector) && \"kubernetes.io/os\" in "
                 "object.spec.nodeSelector && object.spec.nodeSelector[\"kubernetes.io/os\"] == "
                 "\"windows\")"),
       condition(
           "processes-may-be-shared",
           "!has(object.spec.shareProcessNamespace) || object.spec.shareProcessNamespace || " +
               says("enabled")),
       condition("volumes-are-free",
                 fmt::format("!has(object.spec.volumes) || !object.spec.volumes.exists(v, v.name "
                             "in {})",
                             quoted_list({kVolumes.begin(), kVolumes.end()}))),
       condition("directory-is-free",
                 fmt::format("!object.spec.containers.exists(c, has(c.volumeMounts) && "
                             "c.volumeMounts.exists(m, (m.mountPath + \"/\").startsWith(\"{}/\")))",
                             kDirectory))});
  if (!settings.admin.empty()) {
    all.push_back(
        condition("port-is-free",
                  fmt::format("!object.spec.containers.exists(c, has(c.ports) && c.ports.exists(p, "
                              "p.containerPort == {}))",
                              settings.admin.substr(settings.admin.rfind(':') + 1))));
  }
  return all;
}

// --- what the expressions share

json policy_variable(const char* name, const std::string& expression) {
  return {{"name", name}, {"expression", expression}};
}

/// Of each container: its own, else the Pod's; 0 where neither says.
std::string declared_user(const char* field) {
  return fmt::format(
      "object.spec.containers.map(c, has(c.securityContext) && has(c.securityContext.{0}) ? "
      "c.securityContext.{0} : has(object.spec.securityContext) && "
      "has(object.spec.securityContext.{0}) ? object.spec.securityContext.{0} : 0)",
      field);
}

/// The first container's, where it is one that the sidecar may have.
std::string first_of(const char* declared) {
  return fmt::format("variables.{0}[0] > 0 ? variables.{0}[0] : {1}", declared, kNobody);
}

/// Of a probe: a field, or what Kubernetes takes where it is not said.
std::string of_probe(const char* field, int otherwise) {
  return fmt::format("(has({0}.livenessProbe.{1}) ? {0}.livenessProbe.{1} : {2})", kIndexed, field,
                     otherwise);
}

json variables() {
  std::vector<int> indices(kMostContainers);
  std::iota(indices.begin(), indices.end(), 0);
  return json::array(
      {policy_variable("app", fmt::format("[{}].filter(i, i < size(object.spec.containers))",
                                          fmt::join(indices, ", "))),
       policy_variable("users", declared_user("runAsUser")),
       policy_variable("groups", declared_user("runAsGroup")),
       policy_variable("user", first_of("users")), policy_variable("group", first_of("groups")),
       policy_variable("otherUsers", "variables.users.exists(u, u != variables.user)"),
       policy_variable(
           "liveness",
           fmt::format("variables.app.map(i, has({}.livenessProbe) ? ({} - 1) * {} + {} : 0)",
                       kIndexed, of_probe("failureThreshold", 3), of_probe("periodSeconds", 10),
                       of_probe("timeoutSeconds", 1)))});
}

Result<void> check_for_policy(const Settings& settings) {
  constexpr const char* kOther = "use a webhook, or scanflow inject";
  if (settings.shape != Shape::native)
    return fail(fmt::format("--shape: a policy injects the native shape only; {}", kOther));
  if (!settings.containers.empty()) {
    return fail(fmt::format(
        "--containers: a policy takes all containers of a Pod for the app's; {}", kOther));
  }
  return {};
}

}  // namespace

Result<json> admission_policy(const Settings& settings) {
  if (auto checked = check_for_policy(settings); !checked) return tl::unexpected(checked.error());
  const json rule = {{"apiGroups", {""}},
                     {"apiVersions", {"v1"}},
                     {"operations", {"CREATE"}},
                     {"resources", {"pods"}}};
  const json spec = {
      {"failurePolicy", "Ignore"},  // no app is kept from running by what looks after it
      {"reinvocationPolicy", "Never"},
      {"matchConstraints", {{"resourceRules", {rule}}}},
      {"matchConditions", conditions(settings)},
      {"variables", variables()},
      {"mutations",
       {mutation(volumes_expression(settings)), mutation(mounts_expression()),
        mutation(environment_expression(settings)), mutation(commands_expression()),
        mutation(containers_expression(settings)),
        mutation(fmt::format("[{}]", add_operation("\"/spec/shareProcessNamespace\"", "true"))),
        mutation(annotation_expression(settings))}}};
  constexpr const char* kVersion = "admissionregistration.k8s.io/v1";
  // Conditions know no namespace.
  const json selector = {{"matchLabels", {{std::string(kNamespaceLabel), "enabled"}}},
                         {"matchExpressions",
                          {{{"key", "kubernetes.io/metadata.name"},
                            {"operator", "NotIn"},
                            {"values", {"kube-system"}}}}}};
  return json::array(
      {{{"apiVersion", kVersion},
        {"kind", "MutatingAdmissionPolicy"},
        {"metadata", {{"name", kName}}},
        {"spec", spec}},
       {{"apiVersion", kVersion},
        {"kind", "MutatingAdmissionPolicyBinding"},
        {"metadata", {{"name", kName}}},
        {"spec", {{"policyName", kName}, {"matchResources", {{"namespaceSelector", selector}}}}}}});
}

}  // namespace scanflow::inject
