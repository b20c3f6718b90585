#include "engine/inject/workload.hpp"

#include <fmt/format.h>

#include <array>

namespace scanflow::inject {
namespace {

using nlohmann::json;

struct Kind {
  std::string_view group, kind;
  std::string_view pod;  // where the Pod's metadata and spec are
};

constexpr std::array kKinds = {
    Kind{"", "Pod", ""},
    Kind{"", "PodTemplate", "/template"},
    Kind{"", "ReplicationController", "/spec/template"},
    Kind{"apps", "Deployment", "/spec/template"},
    Kind{"apps", "ReplicaSet", "/spec/template"},
    Kind{"apps", "StatefulSet", "/spec/template"},
    Kind{"apps", "DaemonSet", "/spec/template"},
    Kind{"batch", "Job", "/spec/template"},
    // Not the jobTemplate's own metadata: that is the Job's.
    Kind{"batch", "CronJob", "/spec/jobTemplate/spec/template"},
};

/// "apps" of "apps/v1"; "" of "v1".
std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? "" : api_version.substr(0, slash);
}

const Kind* find(std::string_view api_version, std::string_view kind) {
  if (api_version.empty()) return nullptr;
  for (const Kind& each : kKinds) {
    if (each.kind == kind && each.group == group_of(api_version)) return &each;
  }
  return nullptr;
}

std::string name_of(std::string_view kind, const json& metadata) {
  std::string name = text_of(metadata, "name");
  if (name.empty() && !text_of(metadata, "generateName").empty())
    name = text_of(metadata, "generateName") + "*";
  return fmt::format("{} {}", kind, name.empty() ? "without a name" : name);
}

class Finder {
 public:
  explicit Finder(std::string_view name_space) : name_space_(name_space) {}

  /// `api_version`, `kind`: of an item whose list says them for it.
  void look(const json& object, const std::string& pointer, std::string_view api_version,
            std::string_view kind) {
    if (!object.is_object()) return;
    const std::string own_version = text_of(object, "apiVersion"),
                      own_kind = text_of(object, "kind");
    if (!own_version.empty()) api_version = own_version;
    if (!own_kind.empty()) kind = own_kind;
    constexpr std::string_view kList = "List";
    if (kind.ends_with(kList)) {
      const std::string_view item = kind.substr(0, kind.size() - kList.size());
      const bool any = item.empty() && api_version == "v1";
      if (any || find(api_version, item) != nullptr)
        look_into(object, pointer, any ? "" : api_version, item);
      return;
    }
    const Kind* found = find(api_version, kind);
    if (found == nullptr) return;
    const json& metadata = member(object, "metadata");
    std::string name_space = text_of(metadata, "namespace");
    if (name_space.empty()) name_space = name_space_;
    all_.push_back({name_of(kind, metadata), std::move(name_space), pointer,
                    pointer + std::string(found->pod)});
  }

  std::vector<Workload> take() { return std::move(all_); }

 private:
  void look_into(const json& list, const std::string& pointer, std::string_view api_version,
                 std::string_view kind) {
    const json& items = member(list, "items");
    if (!items.is_array()) return;
    for (std::size_t i = 0; i < items.size(); ++i)
      look(items[i], fmt::format("{}/items/{}", pointer, i), api_version, kind);
  }

  std::string_view name_space_;
  std::vector<Workload> all_;
};

}  // namespace

std::vector<Workload> workloads(const json& object, std::string_view name_space) {
  Finder finder(name_space);
  finder.look(object, "", "", "");
  return finder.take();
}

const json& member(const json& object, std::string_view key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(std::string(key));
  return found == object.end() ? kNull : *found;
}

std::string text_of(const json& object, std::string_view key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace scanflow::inject
