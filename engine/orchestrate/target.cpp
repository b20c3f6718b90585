#include "engine/orchestrate/target.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "engine/kube/discovery.hpp"
#include "engine/kube/fields.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::orchestrate {
namespace {

struct KnownKind {
  const kube::Kind* kind;
  std::vector<std::string_view> short_names;
};

const std::vector<KnownKind>& all_known() {
  static const std::vector<KnownKind> all = {{&kinds::kDeployment, {"deploy"}},
                                             {&kinds::kStatefulSet, {"sts"}},
                                             {&kinds::kDaemonSet, {"ds"}},
                                             {&kinds::kReplicaSet, {"rs"}},
                                             {&kube::kinds::kPod, {"po"}},
                                             {&kinds::kCronJob, {"cj"}},
                                             {&kinds::kJob, {}},
                                             {&kube::kinds::kNode, {"no"}},
                                             {&kinds::kAutoscaler, {"hpa"}},
                                             {&kinds::kScaledObject, {"so"}},
                                             {&kinds::kHttpRoute, {}},
                                             {&kinds::kVirtualService, {"vs"}},
                                             {&kube::kinds::kConfigMap, {"cm"}}};
  return all;
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

bool is_called(const kube::Kind& kind, const std::string& name) {
  return name == kind.plural || name == lower(kind.kind);
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", cut_utf8(valid_utf8(std::string(text)), 100));
}

constexpr const char* kHowWritten =
    "a target is KIND/NAME, such as deployment/web, or deployment/web.shop of namespace shop";

/// The part of a kind's name after its first dot, and whether that begins with a version.
struct GroupPart {
  std::string name, version, group;
};
GroupPart split_kind(const std::string& text) {
  const std::size_t dot = text.find('.');
  GroupPart parts{text.substr(0, dot), "", dot == std::string::npos ? "" : text.substr(dot + 1)};
  const std::string first = parts.group.substr(0, parts.group.find('.'));
  const bool is_version = first.size() > 1 && first[0] == 'v' && std::isdigit(first[1]) != 0;
  if (!is_version) return parts;
  parts.version = first;
  parts.group = first.size() < parts.group.size() ? parts.group.substr(first.size() + 1) : "";
  return parts;
}

/// Of an APIGroupList.
std::string preferred_version(const json& groups, const std::string& group) {
  for (const json& each : groups.value("groups", json::array())) {
    if (kube::text_of(each, "name") == group)
      return kube::text_of(kube::part_of(each, "preferredVersion"), "version");
  }
  return {};
}

}  // namespace

Result<Written> read_target(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string_view::npos)
    return fail(fmt::format("{}: {}", in_quotes(text), kHowWritten));
  const auto is_good = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == ':' || c == '_';
  };
  for (const char c : text) {
    if (c != '/' && !is_good(static_cast<unsigned char>(c)))
      return fail(fmt::format("{}: no object's name has such a character; {}", in_quotes(text),
                              kHowWritten));
  }
  return Written{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

const kube::Kind* known_kind(std::string_view name) {
  const GroupPart parts = split_kind(lower(name));
  for (const KnownKind& each : all_known()) {
    const kube::Kind& kind = *each.kind;
    const bool is_short = std::find(each.short_names.begin(), each.short_names.end(), parts.name) !=
                          each.short_names.end();
    const bool any_group = parts.group.empty() && parts.version.empty();
    const bool same =
        parts.group == kind.group && (parts.version.empty() || parts.version == kind.version);
    if ((is_short || is_called(kind, parts.name)) && (any_group || same)) return &kind;
  }
  return nullptr;
}

std::vector<std::string> known_kinds() {
  std::vector<std::string> names;
  for (const KnownKind& each : all_known()) names.push_back(lower(each.kind->kind));
  return names;
}

Target target_of(const kube::Kind& kind, const std::string& name, const std::string& given,
                 const std::string& usual) {
  if (!kind.namespaced) return {kind, "", name};
  if (!given.empty()) return {kind, given, name};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == name.size()) return {kind, usual, name};
  return {kind, name.substr(dot + 1), name.substr(0, dot)};
}

namespace {

kube::Answer<kube::Kind> discovered_kind(kube::Client& client, const std::string& name,
                                         const std::stop_token& stop) {
  GroupPart parts = split_kind(name);
  if (parts.group.empty() && parts.version.empty())
    return tl::unexpected(kube::no_such(
        fmt::format("the kind {} is not known here: write PLURAL.GROUP/NAME, such as "
                    "inferenceservices.serving.kserve.io/digits; without its group: {}",
                    in_quotes(name), fmt::join(known_kinds(), ", "))));
  if (parts.version.empty()) {
    const auto groups = client.call({.path = "/apis"}, stop);
    if (!groups) {
      kube::Failure failure = groups.error();
      failure.message = kube::explained(groups.error(), "ask which API groups there are");
      return tl::unexpected(std::move(failure));
    }
    parts.version = preferred_version(*groups, parts.group);
    if (parts.version.empty())
      return tl::unexpected(
          kube::no_such(fmt::format("the API server has no group {}: is what defines {} installed?",
                                    in_quotes(parts.group), in_quotes(parts.name))));
  }
  return kube::discover(client,
                        parts.group.empty() ? parts.version : parts.group + "/" + parts.version,
                        parts.name, stop);
}

}  // namespace

kube::Answer<Target> find_target(kube::Client& client, const Written& written,
                                 const std::string& given, const std::string& usual,
                                 const std::stop_token& stop) {
  const kube::Kind* known = known_kind(written.kind);
  auto kind = known != nullptr ? kube::Answer<kube::Kind>(*known)
                               : discovered_kind(client, written.kind, stop);
  if (!kind) return tl::unexpected(std::move(kind.error()));
  return target_of(*kind, written.name, given, usual);
}

std::optional<Controller> controller_of(const json& object) {
  const json& metadata = kube::part_of(object, "metadata");
  for (const json& owner : metadata.value("ownerReferences", json::array())) {
    if (owner.value("controller", json()) != json(true)) continue;
    Controller made{kube::text_of(owner, "kind"), kube::text_of(owner, "name"), std::nullopt};
    const std::string version = kube::text_of(owner, "apiVersion");
    const kube::Kind* kind = known_kind(made.kind);
    if (kind != nullptr && kind->api_version() == version)
      made.target = Target{*kind, kube::text_of(metadata, "namespace"), made.name};
    return made;
  }
  return std::nullopt;
}

}  // namespace scanflow::orchestrate
