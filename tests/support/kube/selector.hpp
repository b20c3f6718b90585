// Which objects a list or a watch is of. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sdk/base/label_selector.hpp"
#include "tests/support/kube/store.hpp"

namespace scanflow::test::kube {

class Selector {
 public:
  /// Everything.
  Selector() = default;
  /// Throws Refusal (400) where one of them is malformed, or names a field that cannot be asked for.
  Selector(const Resource& resource, const std::string& name_space, const std::string& labels,
           const std::string& fields);

  bool matches(const Revision& revision) const;

 private:
  struct Field {
    json::json_pointer path;
    std::string value;
    bool equal = true;
  };
  void add_field(const Resource& resource, const std::string& requirement);

  std::string namespace_;
  LabelSelector labels_;
  std::vector<Field> fields_;
};

/// metadata.labels of an object, matched.
bool matches_labels(const LabelSelector& selector, const json& object);
/// Of a selector as manifests have it: matchLabels and matchExpressions.
LabelSelector selector_of(const json& manifest);

}  // namespace scanflow::test::kube
