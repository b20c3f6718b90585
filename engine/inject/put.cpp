#include "engine/inject/put.hpp"

#include <fmt/format.h>

#include <string>

#include "engine/inject/names.hpp"
#include "engine/inject/parts.hpp"
#include "engine/inject/record.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

constexpr std::size_t kDigits = 16;  // of the hash: enough to tell two templates apart

class Putter {
 public:
  Putter(Editor& pod, const PodFacts& facts, const Settings& settings)
      : pod_(pod), facts_(facts), settings_(settings) {}

  void run() {
    record_.version = settings_.version;
    record_.shape = settings_.shape == Shape::native ? "native" : "plain";
    record_.prefix.assign(kPrefix.begin(), kPrefix.end());
    for (json& volume : volumes(facts_, settings_)) {
      record_.volumes.push_back(volume["name"]);
      insert("/spec/volumes", "spec/volumes", "-", std::move(volume));
    }
    for (const AppContainer& each : facts_.app) app(each);
    sidecar();
    share();
    record_.contents = contents_.hex().substr(0, kDigits);
    annotate();
  }

 private:
  /// Into a list, which may not be there yet. `name`: in the record.
  void insert(const std::string& path, const std::string& name, const char* before, json value) {
    contents_.update(name + value.dump());
    const json::json_pointer pointer(path);
    if (!pod_.value().contains(pointer)) {
      record_.absent.insert(name);
    } else if (pod_.value().at(pointer).is_null()) {
      record_.null.insert(name);
    } else {
      return pod_.add(fmt::format("{}/{}", path, before), std::move(value));
    }
    pod_.add(path, json::array({std::move(value)}));
  }

  void app(const AppContainer& container) {
    const std::string path = fmt::format("/spec/containers/{}", container.index);
    const std::string name = "container/" + container.name;
    insert(path + "/volumeMounts", name + "/volumeMounts", "-", app_mount());
    for (json& variable : app_environment(container, settings_)) {
      if (has_variable(path, variable["name"])) continue;  // the user has said it
      record_.environment[container.name].push_back(variable["name"]);
      insert(path + "/env", name + "/env", "-", std::move(variable));
    }
    if (!container.has_command) return;
    for (auto word = kPrefix.rbegin(); word != kPrefix.rend(); ++word)
      insert(path + "/command", name + "/command", "0", *word);
    record_.launched.push_back(container.name);
  }

  bool has_variable(const std::string& path, const json& name) const {
    const json::json_pointer pointer(path + "/env");
    if (!pod_.value().contains(pointer)) return false;
    for (const json& each : pod_.value().at(pointer)) {
      if (each.is_object() && each.contains("name") && each["name"] == name) return true;
    }
    return false;
  }

  /// A native one before all other init containers, so that it sees them; a plain one after all of
  /// the app's containers: they are started in order, and it ends when it sees none.
  void sidecar() {
    constexpr const char* kInit = "/spec/initContainers";
    constexpr const char* kInitName = "spec/initContainers";
    if (settings_.shape == Shape::native) {
      record_.init_containers.emplace_back(kSidecar);
      insert(kInit, kInitName, "0", sidecar_container(facts_, settings_));
    } else {
      record_.containers.emplace_back(kSidecar);
      insert("/spec/containers", "spec/containers", "-", sidecar_container(facts_, settings_));
    }
    record_.init_containers.emplace_back(kLauncher);
    insert(kInit, kInitName, "0", launcher_container(facts_, settings_));
  }

  void share() {
    constexpr const char* kShare = "/spec/shareProcessNamespace";
    const json& spec = pod_.value()["spec"];
    const auto found = spec.find("shareProcessNamespace");
    if (found == spec.end()) {
      record_.absent.insert("spec/shareProcessNamespace");
    } else if (found->is_null()) {
      record_.null.insert("spec/shareProcessNamespace");
    } else if (found->is_boolean() && found->get<bool>()) {
      return;
    } else {
      record_.processes_were_apart = true;
    }
    pod_.add(kShare, true);
  }

  void annotate() {
    make_map("/metadata", "metadata");
    make_map("/metadata/annotations", "metadata/annotations");
    pod_.add("/metadata/annotations/scanflow.dev~1injected", record_.text());
  }

  void make_map(const std::string& path, const std::string& name) {
    const json::json_pointer pointer(path);
    const bool there = pod_.value().contains(pointer);
    if (there && !pod_.value().at(pointer).is_null()) return;
    (there ? record_.null : record_.absent).insert(name);
    pod_.add(path, json::object());
  }

  Editor& pod_;
  const PodFacts& facts_;
  const Settings& settings_;
  Record record_;
  Sha256 contents_;
};

}  // namespace

void put_into(Editor& pod, const PodFacts& facts, const Settings& settings) {
  Putter(pod, facts, settings).run();
}

}  // namespace scanflow::inject
