#include "engine/inject/record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/inject/settings.hpp"
#include "engine/inject/workload.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr const char* kAnnotation = "/metadata/annotations/scanflow.dev~1injected";

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class List>
void put(json& object, const char* key, const List& list) {
  if (!list.empty()) object[key] = list;
}

template <class List>
void take(const json& object, const char* key, List& list) {
  if (const auto found = object.find(key); found != object.end()) list = found->get<List>();
}

class Restorer {
 public:
  Restorer(Editor& pod, const Record& record) : pod_(pod), record_(record) {}

  void run() {
    remove_named("/spec/containers", "name", record_.containers);
    remove_named("/spec/initContainers", "name", record_.init_containers);
    remove_named("/spec/volumes", "name", record_.volumes);
    const std::size_t count = size("/spec/containers");
    for (std::size_t i = 0; i < count; ++i) container(i);
    settle("/spec/initContainers", "spec/initContainers");
    settle("/spec/volumes", "spec/volumes");
    share();
    pod_.remove(kAnnotation);
    settle("/metadata/annotations", "metadata/annotations");
    settle("/metadata", "metadata");
  }

 private:
  const json* find(const std::string& path) const {
    const json::json_pointer pointer(path);
    return pod_.value().contains(pointer) ? &pod_.value().at(pointer) : nullptr;
  }
  std::size_t size(const std::string& path) const {
    const json* list = find(path);
    return list != nullptr && list->is_array() ? list->size() : 0;
  }

  /// From the last to the first: so the places of the others hold.
  void remove_named(const std::string& path, const char* key,
                    const std::vector<std::string>& names) {
    for (std::size_t i = size(path); i-- > 0;) {
      const std::string each = fmt::format("{}/{}", path, i);
      if (contains(names, text_of(*find(each), key))) pod_.remove(each);
    }
  }

  void container(std::size_t index) {
    const std::string path = fmt::format("/spec/containers/{}", index);
    const std::string name = recorded_name(path);
    remove_named(path + "/volumeMounts", "name", record_.volumes);
    settle(path + "/volumeMounts", fmt::format("container/{}/volumeMounts", name));
    if (const auto added = record_.environment.find(name); added != record_.environment.end())
      remove_named(path + "/env", "name", added->second);
    settle(path + "/env", fmt::format("container/{}/env", name));
    if (contains(record_.launched, name)) command(path + "/command");
  }

  /// A container's name, as it was when it was injected: whoever has the launcher, and a name that is not known, was
  /// given that since, and had the one that nobody has now.
  std::string recorded_name(const std::string& path) const {
    std::string name = text_of(*find(path), "name");
    if (record_.environment.contains(name) || contains(record_.launched, name) ||
        !is_launched(path + "/command"))
      return name;
    for (const std::string& recorded : record_.launched) {
      bool is_there = false;
      for (const json& each : *find("/spec/containers"))
        is_there = is_there || text_of(each, "name") == recorded;
      if (!is_there) return recorded;
    }
    return name;
  }

  bool is_launched(const std::string& path) const {
    const json* words = find(path);
    const auto& prefix = record_.prefix;
    return words != nullptr && words->is_array() && words->size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), words->begin(),
                      [](const std::string& a, const json& b) { return b == a; });
  }

  void command(const std::string& path) {
    if (!is_launched(path)) return;  // somebody has changed it since
    for (std::size_t i = 0; i < record_.prefix.size(); ++i) pod_.remove(path + "/0");
  }

  void share() {
    constexpr const char* kShare = "/spec/shareProcessNamespace";
    if (find(kShare) == nullptr) return;
    if (record_.processes_were_apart) {
      pod_.replace(kShare, false);
    } else if (record_.absent.contains("spec/shareProcessNamespace")) {
      pod_.remove(kShare);
    } else if (record_.null.contains("spec/shareProcessNamespace")) {
      pod_.replace(kShare, nullptr);
    }
  }

  /// What was made for what was put in, and is empty now, goes with it.
  void settle(const std::string& path, const std::string& name) {
    const json* value = find(path);
    if (value == nullptr || !value->empty()) return;
    if (record_.absent.contains(name)) {
      pod_.remove(path);
    } else if (record_.null.contains(name)) {
      pod_.replace(path, nullptr);
    }
  }

  Editor& pod_;
  const Record& record_;
};

}  // namespace

std::string Record::text() const {
  json object = {{"version", version}, {"contents", contents}, {"shape", shape}};
  put(object, "volumes", volumes);
  put(object, "initContainers", init_containers);
  put(object, "containers", containers);
  put(object, "env", environment);
  put(object, "launched", launched);
  if (!launched.empty()) object["prefix"] = prefix;
  put(object, "absent", absent);
  put(object, "null", null);
  if (processes_were_apart) object["shareProcessNamespace"] = false;
  return object.dump();
}

std::string policy_record(std::string_view version) {
  return json{{"version", version}, {"by", "policy"}}.dump();
}

Result<std::optional<Record>> record_of(const json& pod) {
  const json& annotations = member(member(pod, "metadata"), "annotations");
  const json& annotation = member(annotations, kInjected);
  if (!annotations.is_object() || !annotations.contains(std::string(kInjected)))
    return std::optional<Record>();
  const auto refuse = [](std::string_view why) {
    return fail(fmt::format(
        "the annotation {} is not as it was written ({}): take its text from where the Pod was "
        "injected, or remove the sidecar and the annotation by hand",
        kInjected, why));
  };
  if (!annotation.is_string()) return refuse("it is no text");
  const json object = json::parse(annotation.get_ref<const std::string&>(), nullptr, false);
  if (!object.is_object()) return refuse("it is no JSON object");
  if (text_of(object, "by") == "policy") {
    return fail(fmt::format(
        "an admission policy of the cluster injected this Pod ({}): take the manifest that it was "
        "made of",
        kInjected));
  }
  Record record;
  try {
    record.version = object.at("version").get<std::string>();
    record.contents = object.at("contents").get<std::string>();
    record.shape = object.at("shape").get<std::string>();
    take(object, "volumes", record.volumes);
    take(object, "initContainers", record.init_containers);
    take(object, "containers", record.containers);
    take(object, "env", record.environment);
    take(object, "launched", record.launched);
    take(object, "prefix", record.prefix);
    take(object, "absent", record.absent);
    take(object, "null", record.null);
    record.processes_were_apart = !object.value("shareProcessNamespace", true);
  } catch (const json::exception& error) {
    return refuse(error.what());
  }
  return record;
}

void restore(Editor& pod, const Record& record) { Restorer(pod, record).run(); }

}  // namespace scanflow::inject
