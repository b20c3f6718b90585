// How a status looks: one glyph and one CSS class, the same everywhere on the page.
#pragma once

#include <string>
#include <string_view>

namespace scanflow::report {

inline std::string_view status_glyph(std::string_view status) {
  if (status == "succeeded") return "✓";
  if (status == "cached") return "≡";
  if (status == "failed") return "✗";
  if (status == "running") return "●";
  if (status == "skipped" || status == "cancelled") return "–";
  return "○";
}

/// "st-failed"; an unknown status looks like pending, and never reaches an attribute as it is.
inline std::string status_class(std::string_view status) {
  for (const std::string_view known :
       {"succeeded", "cached", "failed", "running", "skipped", "cancelled"}) {
    if (status == known) return "st-" + std::string(known);
  }
  return "st-pending";
}

}  // namespace scanflow::report
