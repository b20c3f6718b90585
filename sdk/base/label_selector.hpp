// Selecting by labels, in Kubernetes' syntax. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow {

using Labels = std::map<std::string, std::string>;

/// Requirements joined by commas, all of which must hold: `a=b` (or `a==b`), `a!=b`, `a in (x,y)`,
/// `a notin (x,y)`, `a` (there is such a label), `!a` (there is none). As in Kubernetes, `a!=b` and
/// `a notin (...)` hold where there is no label a, and a value may be empty.
class LabelSelector {
 public:
  /// Selects everything.
  LabelSelector() = default;
  /// Blank text selects everything. An error says what is wrong, and at which character.
  static Result<LabelSelector> parse(std::string_view text);

  bool matches(const Labels& labels) const;
  bool empty() const { return requirements_.empty(); }

 private:
  friend class LabelSelectorParser;
  enum class Is { among, not_among, present, absent };
  struct Requirement {
    std::string key;
    Is is = Is::present;
    std::vector<std::string> values;
  };
  std::vector<Requirement> requirements_;
};

}  // namespace scanflow
