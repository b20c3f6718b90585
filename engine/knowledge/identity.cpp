#include "engine/knowledge/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scanflow::knowledge {
namespace {

constexpr std::string_view kZero("\0", 1);

/// Up to the next zero byte, which is taken off with it.
std::string_view take(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(part.size() + 1);
  return part;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown(text.substr(0, kShown));
  if (shown.size() < text.size()) shown += "...";
  return shown;
}

Result<void> check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return fail(fmt::format("the {} is empty", what));
  if (name.size() <= kMaxName) return {};
  return fail(fmt::format("the {} '{}' has {} bytes; {} is the most", what, shortened(name),
                          name.size(), kMaxName));
}

}  // namespace

Result<std::string> identity_of(std::string_view name, const Labels& labels) {
  if (auto checked = check_name("name of a metric", name); !checked) {
    return tl::unexpected(checked.error());
  }
  if (labels.size() > kMaxLabels) {
    return fail(
        fmt::format("metric '{}' has {} labels; {} are the most (keep those by which it is "
                    "looked for)",
                    name, labels.size(), kMaxLabels));
  }
  std::string identity(name);
  identity += '\0';
  for (const auto& [key, value] : labels) {
    if (auto checked = check_name(fmt::format("key of a label of metric '{}'", name), key);
        !checked) {
      return tl::unexpected(checked.error());
    }
    identity.append(key).append(kZero).append(value).append(kZero);
  }
  if (identity.size() > kMaxIdentity) {
    return fail(
        fmt::format("metric '{}' and its labels have {} bytes; {} are the most (long texts "
                    "belong into logs)",
                    name, identity.size(), kMaxIdentity));
  }
  const auto zeros = static_cast<std::size_t>(std::count(identity.begin(), identity.end(), '\0'));
  if (zeros != 1 + 2 * labels.size()) {
    return fail(fmt::format("metric '{}': there is a zero byte in its name or labels",
                            name.substr(0, name.find('\0'))));
  }
  return identity;
}

std::string_view name_in(std::string_view identity) { return take(identity); }

std::optional<std::string_view> label_in(std::string_view identity, std::string_view key) {
  for (take(identity); !identity.empty();) {
    const std::string_view found = take(identity);
    const std::string_view value = take(identity);
    if (found == key) return value;
  }
  return std::nullopt;
}

Labels labels_in(std::string_view identity) {
  Labels labels;
  for (take(identity); !identity.empty();) {
    const std::string_view key = take(identity);
    labels.emplace_hint(labels.end(), key, take(identity));
  }
  return labels;
}

std::string describe(std::string_view identity) {
  std::string text(name_in(identity));
  const char* between = "{";
  for (const auto& [key, value] : labels_in(identity)) {
    text += fmt::format("{}{}=\"{}\"", between, key, value);
    between = ", ";
  }
  return text + (*between == ',' ? "}" : "");
}

}  // namespace scanflow::knowledge
