#include "tests/support/kube/validate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

using Causes = std::vector<Cause>;

constexpr const char* kSubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kLabel =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

Cause wrong(const std::string& field, const std::string& value, const std::string& why) {
  return {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", value, why), field};
}

Cause required(const std::string& field, const std::string& why = "") {
  return {"FieldValueRequired", "Required value" + (why.empty() ? "" : ": " + why), field};
}

Cause unsupported(const std::string& field, const std::string& value,
                  const std::vector<std::string>& known) {
  return {"FieldValueNotSupported",
          fmt::format("Unsupported value: \"{}\": supported values: \"{}\"", value,
                      fmt::join(known, "\", \"")),
          field};
}

bool is_name(const std::string& name, bool dots) {
  const auto fits = [&](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (dots && c == '.');
  };
  const auto edge = [](char c) { return c != '-' && c != '.'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits) && edge(name.front()) &&
         edge(name.back()) && name.find("..") == std::string::npos;
}

void check_name(const Resource& resource, const json& object, Causes& causes) {
  const std::string name = object.at("metadata").value("name", "");
  if (name.empty())
    return causes.push_back(required("metadata.name", "name or generateName is required"));
  if (resource.group == "rbac.authorization.k8s.io") return;  // any path segment
  const bool label = resource.plural == "namespaces" || resource.plural == "services";
  if (name.size() > (label ? 63 : 253))
    causes.push_back(wrong("metadata.name", name,
                           fmt::format("must be no more than {} bytes", label ? 63 : 253)));
  if (!is_name(name, !label))
    causes.push_back(wrong("metadata.name", name, label ? kLabel : kSubdomain));
}

/// Limits below requests.
void check_resources(const json& container, const std::string& field, Causes& causes) {
  const auto bytes = [](const json& amount) {
    const std::string text = amount.is_string() ? amount.get<std::string>() : amount.dump();
    std::size_t end = 0;
    const double number = std::stod(text, &end);
    static const std::vector<std::pair<std::string, double>> units = {
        {"", 1},    {"m", 1e-3},     {"k", 1e3},      {"M", 1e6},
        {"G", 1e9}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}};
    for (const auto& [unit, factor] : units) {
      if (text.substr(end) == unit) return number * factor;
    }
    return number;
  };
  const json resources = container.value("resources", json::object());
  const json requests = resources.value("requests", json::object());
  const json limits = resources.value("limits", json::object());
  for (const auto& [name, amount] : requests.items()) {
    if (limits.contains(name) && bytes(amount) > bytes(limits.at(name)))
      causes.push_back(wrong(field + ".resources.requests", amount,
                             fmt::format("must be less than or equal to {} limit of {}", name,
                                         limits.at(name).get<std::string>())));
  }
}

void check_containers(const json& spec, const std::string& at, const char* list, Causes& causes,
                      std::set<std::string>& names) {
  const json containers = spec.value(list, json::array());
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const json& container = containers[i];
    const std::string field = fmt::format("{}.{}[{}]", at, list, i);
    const std::string name = container.value("name", "");
    if (name.empty()) causes.push_back(required(field + ".name"));
    if (!name.empty() && !is_name(name, false))
      causes.push_back(wrong(field + ".name", name, kLabel));
    if (!name.empty() && !names.insert(name).second)
      causes.push_back(
          {"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), field + ".name"});
    if (container.value("image", "").empty()) causes.push_back(required(field + ".image"));
    check_resources(container, field, causes);
    for (std::size_t m = 0; m < container.value("volumeMounts", json::array()).size(); ++m) {
      const std::string volume = container["volumeMounts"][m].value("name", "");
      const json volumes = spec.value("volumes", json::array());
      if (std::none_of(volumes.begin(), volumes.end(),
                       [&](const json& one) { return one.value("name", "") == volume; }))
        causes.push_back({"FieldValueNotFound", fmt::format("Not found: \"{}\"", volume),
                          fmt::format("{}.volumeMounts[{}].name", field, m)});
    }
  }
}

void check_pod_spec(const json& spec, const std::string& at, Causes& causes) {
  if (spec.value("containers", json::array()).empty())
    causes.push_back(required(at + ".containers"));
  std::set<std::string> names;
  check_containers(spec, at, "containers", causes, names);
  check_containers(spec, at, "initContainers", causes, names);
  const std::string restart = spec.value("restartPolicy", "Always");
  const std::vector<std::string> known = {"Always", "OnFailure", "Never"};
  if (std::find(known.begin(), known.end(), restart) == known.end())
    causes.push_back(unsupported(at + ".restartPolicy", restart, known));
  if (spec.value("activeDeadlineSeconds", 1) < 1)
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: must be between 1 and 2147483647, inclusive",
                                  spec["activeDeadlineSeconds"].dump()),
                      at + ".activeDeadlineSeconds"});
}

void check_workload(const Resource& resource, const json& object, Causes& causes) {
  const json spec = object.value("spec", json::object());
  const json of_pods = spec.value("/template/spec"_json_pointer, json::object());
  check_pod_spec(of_pods, "spec.template.spec", causes);
  if (resource.group != "apps") return;
  if (!spec.contains("selector")) return causes.push_back(required("spec.selector"));
  const json labels = spec.value("/template/metadata/labels"_json_pointer, json::object());
  const json wanted = spec["selector"].value("matchLabels", json::object());
  for (const auto& [key, value] : wanted.items()) {
    if (labels.value(key, json()) == value) continue;
    causes.push_back({"FieldValueInvalid",
                      fmt::format("Invalid value: {}: `selector` does not match template `labels`",
                                  labels.dump()),
                      "spec.template.metadata.labels"});
    return;
  }
}

/// Of a Pod's spec what may change; resources only by its subresource `resize`.
json immutable_of(json spec) {
  for (const char* free : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"})
    spec.erase(free);
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list)) continue;
    for (json& container : spec[list]) container.erase("image");
  }
  return spec;
}

}  // namespace

void validate_new(const Resource& resource, const json& object) {
  Causes causes;
  check_name(resource, object, causes);
  const json spec = object.value("spec", json::object());
  if (resource.kind == "Pod") check_pod_spec(spec, "spec", causes);
  if (resource.group == "apps" || resource.kind == "Job") check_workload(resource, object, causes);
  if (resource.group == "events.k8s.io") check_event(object, causes);
  if (!causes.empty()) throw invalid(resource, object["metadata"].value("name", ""), causes);
}

void validate_change(const Resource& resource, const json& before, const json& after) {
  const std::string name = before.at("metadata").at("name");
  const std::string uid = after.at("metadata").value("uid", "");
  if (!uid.empty() && uid != before["metadata"]["uid"])
    throw conflict(
        resource, name,
        fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                    before["metadata"]["uid"].get<std::string>()));
  Causes causes;
  if (resource.group == "events.k8s.io") check_event_change(before, after, causes);
  if (!causes.empty()) throw invalid(resource, name, causes);
  if (resource.kind == "Pod" && immutable_of(before.at("spec")) != immutable_of(after.at("spec")))
    throw invalid(
        resource, name,
        {{"FieldValueForbidden",
          "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
          "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
          "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
          "set to 1 if it was previously negative)",
          "spec"}});
  const auto kept = [&](const json::json_pointer& path, const std::string& field) {
    const json old = before.contains(path) ? before.at(path) : json();
    const json next = after.contains(path) ? after.at(path) : json();
    if (old != next)
      throw invalid(resource, name,
                    {{"FieldValueInvalid",
                      fmt::format("Invalid value: {}: field is immutable", next.dump()), field}});
  };
  if (resource.group == "apps" || resource.kind == "Job")
    kept("/spec/selector"_json_pointer, "spec.selector");
  if (resource.kind == "Job") kept("/spec/template"_json_pointer, "spec.template");
  if (before.value("immutable", false)) kept("/data"_json_pointer, "data");
}

}  // namespace scanflow::test::kube
