// Selecting by labels, in Kubernetes' syntax. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
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
  enum class Is { among, not_among, present, absent };
  /// The value of a label, where there is one; valid until the next call.
  using Find = std::function<std::optional<std::string_view>(const std::string& key)>;

  /// Selects everything.
  LabelSelector() = default;
  /// Blank text selects everything. An error says what is wrong, and at which character.
  static Result<LabelSelector> parse(std::string_view text);

  /// One more requirement. Keys and values may have any characters here: parse() takes those only
  /// that Kubernetes allows.
  void require(std::string key, Is is, std::vector<std::string> values = {});

  bool matches(const Labels& labels) const;
  /// Of labels that are kept otherwise.
  bool matches(const Find& find) const;
  bool empty() const { return requirements_.empty(); }

 private:
  friend class LabelSelectorParser;
  struct Requirement {
    std::string key;
    Is is = Is::present;
    std::vector<std::string> values;
  };
  std::vector<Requirement> requirements_;
};

}  // namespace scanflow
