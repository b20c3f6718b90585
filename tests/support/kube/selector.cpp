#include "tests/support/kube/selector.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

/// What can be asked for beside metadata.name and metadata.namespace.
std::vector<std::string> fields_of(const Resource& resource) {
  if (resource.plural == "pods")
    return {"spec.nodeName",           "spec.restartPolicy", "spec.schedulerName",
            "spec.serviceAccountName", "status.phase",       "status.podIP",
            "status.nominatedNodeName"};
  if (resource.plural == "events")
    return {"involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
            "source"};
  if (resource.plural == "namespaces") return {"status.phase"};
  if (resource.plural == "nodes") return {"spec.unschedulable"};
  if (resource.plural == "secrets") return {"type"};
  if (resource.plural == "jobs") return {"status.successful"};
  return {};
}

std::string text_at(const json& object, const json::json_pointer& path) {
  if (!object.contains(path)) return "";
  const json& value = object.at(path);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Selector::Selector(const Resource& resource, const std::string& name_space,
                   const std::string& labels, const std::string& fields)
    : namespace_(name_space) {
  auto parsed = LabelSelector::parse(labels);
  if (!parsed) throw bad_request("unable to parse requirement: " + parsed.error().message);
  labels_ = std::move(*parsed);
  std::size_t begin = 0;
  while (begin < fields.size()) {
    const std::size_t end = std::min(fields.find(',', begin), fields.size());
    add_field(resource, fields.substr(begin, end - begin));
    begin = end + 1;
  }
}

void Selector::add_field(const Resource& resource, const std::string& requirement) {
  const std::size_t equals = requirement.find('=');
  if (equals == std::string::npos || equals == 0)
    throw bad_request(
        fmt::format("invalid selector: '{}'; can't understand '{}'", requirement, requirement));
  const bool equal = requirement[equals - 1] != '!';
  const std::string name = requirement.substr(0, equals - (equal ? 0 : 1));
  std::size_t value = equals + 1;
  if (equal && requirement.substr(value).starts_with('=')) ++value;
  const std::vector<std::string> known = fields_of(resource);
  if (name != "metadata.name" && name != "metadata.namespace" &&
      std::find(known.begin(), known.end(), name) == known.end())
    throw bad_request(fmt::format("field label not supported: {}", name));
  std::string path = "/" + name;
  std::replace(path.begin(), path.end(), '.', '/');
  fields_.push_back({json::json_pointer(path), requirement.substr(value), equal});
}

bool Selector::matches(const Revision& revision) const {
  if (!namespace_.empty() && revision.name_space() != namespace_) return false;
  const json& object = revision.object();
  if (!labels_.empty() && !matches_labels(labels_, object)) return false;
  return std::all_of(fields_.begin(), fields_.end(), [&](const Field& field) {
    return (text_at(object, field.path) == field.value) == field.equal;
  });
}

bool matches_labels(const LabelSelector& selector, const json& object) {
  const auto labels = object.at("metadata").find("labels");
  const bool none = labels == object.at("metadata").end() || !labels->is_object();
  return selector.matches([&](const std::string& key) -> std::optional<std::string_view> {
    if (none) return std::nullopt;
    const auto label = labels->find(key);
    if (label == labels->end()) return std::nullopt;
    return label->get_ref<const std::string&>();
  });
}

LabelSelector selector_of(const json& manifest) {
  LabelSelector selector;
  const json labels = manifest.value("matchLabels", json::object());
  for (const auto& [key, value] : labels.items())
    selector.require(key, LabelSelector::Is::among, {value.get<std::string>()});
  for (const json& one : manifest.value("matchExpressions", json::array())) {
    const std::string is = one.at("operator");
    selector.require(one.at("key"),
                     is == "In"       ? LabelSelector::Is::among
                     : is == "NotIn"  ? LabelSelector::Is::not_among
                     : is == "Exists" ? LabelSelector::Is::present
                                      : LabelSelector::Is::absent,
                     one.value("values", std::vector<std::string>()));
  }
  return selector;
}

}  // namespace scanflow::test::kube
