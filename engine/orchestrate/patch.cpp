#include "engine/orchestrate/patch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace scanflow::orchestrate {

Planned plan_patch(const Target& target, const json& object, const json& arguments,
                   const AllowList& allowed) {
  const json& patch = arguments.at("patch");
  if (patch.empty()) return tl::unexpected(refused("the patch is empty: it names no field"));
  const std::vector<std::string> fields = fields_of(patch);
  const std::vector<std::string> missing = not_allowed(allowed, target, fields);
  if (!missing.empty()) {
    const json entry = entry_for(target, missing);
    return tl::unexpected(
        refused(fmt::format("{}: {} may not be patched: {}; what would allow it, under 'allow': {}",
                            named(target), fmt::join(missing, ", "),
                            allowed.empty() ? "no allow-list is given (--patch-allow FILE)"
                                            : "the allow-list (--patch-allow) does not name it",
                            entry.dump()),
                {{"not_allowed", missing}, {"would_allow", entry}}));
  }
  return Plan{{{target, object, patch}},
              fmt::format("{}: {} set", named(target), fmt::join(fields, ", "))};
}

}  // namespace scanflow::orchestrate
