// A series' metric name and labels as one text: what makes it the one that it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::knowledge {

inline constexpr std::size_t kMaxName = 200;  // bytes; also of a label's key
inline constexpr std::size_t kMaxLabels = 32;
inline constexpr std::size_t kMaxIdentity = 2048;  // bytes, of name and all labels

/// The name, then keys and values by key, each with a zero byte behind it. An error names what is
/// empty, too long, too many, or has a zero byte in it.
Result<std::string> identity_of(std::string_view name, const Labels& labels);

/// Of what identity_of() has written.
std::string_view name_in(std::string_view identity);
std::optional<std::string_view> label_in(std::string_view identity, std::string_view key);
Labels labels_in(std::string_view identity);

/// For people: `accuracy{run="7", step="train"}`.
std::string describe(std::string_view identity);

}  // namespace scanflow::knowledge
