#include "sidecar/collect/cgroup_place.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "sidecar/collect/text.hpp"

namespace scanflow::collect {
namespace {

bool has_item(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == item) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

/// mountinfo writes blanks and the like as \040.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// The path in the hierarchy; `controller` empty: of v2.
std::optional<std::string_view> path_of(std::string_view cgroups, std::string_view controller) {
  while (!cgroups.empty()) {
    const std::string_view line = take_line(cgroups);
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool match = controller.empty() ? controllers.empty() && line.substr(0, first) == "0"
                                          : has_item(controllers, controller);
    if (match) return line.substr(second + 1);
  }
  return std::nullopt;
}

/// What `path` is below `root`; nothing where it is elsewhere, or where only names that this
/// reader's namespace hides ("..") would lead there.
std::optional<std::string_view> below(std::string_view path, std::string_view root) {
  if (path == "/") path = "";
  if (root == "/") root = "";
  if (!path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  for (std::string_view rest = path; !rest.empty();) {
    rest.remove_prefix(1);
    const auto slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return std::nullopt;
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  }
  return path;
}

std::vector<CgroupPlace> list_places(std::string_view cgroups, std::string_view mounts,
                                     std::string_view controller) {
  const auto path = path_of(cgroups, controller);
  std::vector<CgroupPlace> found;
  if (!path) return found;
  while (!mounts.empty()) {
    const std::string_view line = take_line(mounts);
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view left = line.substr(0, dash), right = line.substr(dash + 3);
    for (int i = 0; i < 3; ++i) take_word(left);
    const std::string root = unescaped(take_word(left));
    const std::string_view point = take_word(left);
    const std::string_view type = take_word(right);
    take_word(right);
    const std::string_view options = take_word(right);
    const bool match =
        controller.empty() ? type == "cgroup2" : type == "cgroup" && has_item(options, controller);
    if (!match || point.empty()) continue;
    const auto rest = below(*path, root);
    if (rest) found.push_back({unescaped(point), std::string(*rest)});
  }
  // Of the same mount point the later one covers the earlier.
  std::reverse(found.begin(), found.end());
  std::stable_sort(found.begin(), found.end(), [](const CgroupPlace& a, const CgroupPlace& b) {
    return a.below.size() > b.below.size();
  });
  return found;
}

}  // namespace

CgroupPlaces places_of(std::string_view cgroups, std::string_view mounts) {
  return {list_places(cgroups, mounts, ""), list_places(cgroups, mounts, "memory"),
          list_places(cgroups, mounts, "cpu"), list_places(cgroups, mounts, "cpuacct")};
}

}  // namespace scanflow::collect
