#include "tests/support/podman_node.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "engine/http/base64.hpp"
#include "sdk/base/clock.hpp"
#include "tests/support/program.hpp"

namespace scanflow::test {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* kNodeLabel = "scanflow.dev/test-node";
constexpr const char* kNameLabel = "scanflow.dev/test-pod";
constexpr const char* kNamespaceLabel = "scanflow.dev/test-namespace";

std::string name_of(const json& pod) { return pod["metadata"]["name"]; }
std::string namespace_of(const json& pod) { return pod["metadata"]["namespace"]; }
/// As the kubelet knows it.
std::string key_of(const json& pod) { return namespace_of(pod) + "/" + name_of(pod); }

/// An init container that stays is one beside the app here.
void move_sidecars(json& spec) {
  if (!spec.contains("initContainers")) return;
  json inits = json::array();
  for (json& each : spec["initContainers"]) {
    const bool stays = each.value("restartPolicy", "") == "Always";
    each.erase("restartPolicy");
    (stays ? spec["containers"] : inits).push_back(std::move(each));
  }
  spec["initContainers"] = std::move(inits);
}

}  // namespace

PodmanNode::PodmanNode(kube::KubeServer& server, podman::Podman podman, fs::path directory)
    : server_(server),
      directory_(std::move(directory)),
      left_{std::move(podman), fmt::format("{}={}", kNodeLabel, ::getpid())},
      kubelet_(server_, hooks()),
      watch_(
          left_.podman, left_.label, wall_us(),
          [this](const podman::Event& event) { on_event(event); }, [](const std::string&) {}) {}

PodmanNode::Left::~Left() {
  if (const auto pods = podman.list(label)) {
    for (const podman::Pod& pod : *pods) (void)podman.remove(pod.name);
  }
}

kube::KubeletOptions PodmanNode::hooks() {
  kube::KubeletOptions options;
  options.run = [this](const json& pod) { return run(pod); };
  options.stop = [this](const json& pod, std::int64_t grace_s) { stop(pod, grace_s); };
  return options;
}

std::string PodmanNode::run(const json& pod) {
  const auto played = left_.podman.play(adapted(pod));
  if (played) {
    const std::string app = pod["spec"]["containers"][0]["name"];
    return left_.podman.address(fmt::format("{}-{}", name_of(pod), app)).value_or("");
  }
  constexpr int kNotStarted = 128;
  fmt::print(stderr, "the node could not start Pod {}: {}\n", name_of(pod), played.error().message);
  end(pod, kNotStarted);
  return {};
}

void PodmanNode::end(const json& pod, int code) {
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& each : pod["spec"].value(list, json::array()))
      exit(key_of(pod), each["name"], code, false);
  }
}

void PodmanNode::exit(const std::string& pod, const std::string& container, int code, bool oom) {
  try {
    kubelet_.exit(pod, container, code, oom);
  } catch (const std::exception&) {
    // It is gone already: the API server has no Pod of that name any more.
  }
}

/// As a kubelet does: first the app's containers, and when these have ended the sidecars; what takes longer than
/// the Pod's grace is killed.
void PodmanNode::stop(const json& pod, std::int64_t grace_s) {
  constexpr int kKilled = 137;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(grace_s);
  for (const char* list : {"containers", "initContainers"}) {
    const json containers = pod["spec"].value(list, json::array());
    const auto run = [&] {  // how many of these
      const auto now = left_.podman.inspect(name_of(pod));
      return !now ? 0
                  : std::count_if(containers.begin(), containers.end(), [&](const json& declared) {
                      return std::any_of(now->containers.begin(), now->containers.end(),
                                         [&](const auto& one) {
                                           return one.name == declared["name"] && !one.over();
                                         });
                    });
    };
    for (const json& each : containers)
      (void)Program({"podman", "kill", "--signal", "TERM",
                     fmt::format("{}-{}", name_of(pod), each["name"].get<std::string>())})
          .wait();
    (void)eventually([&] { return run() == 0; },
                     std::chrono::duration_cast<std::chrono::milliseconds>(
                         deadline - std::chrono::steady_clock::now()));
  }
  (void)left_.podman.remove(name_of(pod));
  fs::remove_all(directory_ / name_of(pod));
  end(pod, kKilled);
}

void PodmanNode::on_event(const podman::Event& event) {
  if (event.what != podman::Event::What::died) return;
  const auto name = event.labels.find(kNameLabel), in = event.labels.find(kNamespaceLabel);
  if (name == event.labels.end() || in == event.labels.end()) return;
  const auto pod = left_.podman.inspect(name->second);
  if (!pod) return;
  for (const podman::Container& each : pod->containers) {
    if (each.full_name != event.container || !each.over()) continue;
    exit(in->second + "/" + name->second, each.name, each.exit_code, each.oom_killed);
  }
}

json PodmanNode::adapted(json pod) {
  pod.erase("status");
  pod["metadata"].erase("ownerReferences");
  json& labels = pod["metadata"]["labels"];
  labels[kNodeLabel] = std::to_string(::getpid());
  labels[kNameLabel] = name_of(pod);
  labels[kNamespaceLabel] = namespace_of(pod);
  move_sidecars(pod["spec"]);
  adapt_volumes(pod);
  for (const char* list : {"initContainers", "containers"}) {
    if (!pod["spec"].contains(list)) continue;
    for (json& container : pod["spec"][list]) {
      container["imagePullPolicy"] = "IfNotPresent";  // an API server adds Always to :latest
      adapt_environment(namespace_of(pod), container);
    }
  }
  return pod;
}

/// A kubelet waits for it too.
std::string PodmanNode::secret(const std::string& name_space, const std::string& name,
                               const std::string& key) {
  json secret;
  eventually([&] {
    secret = server_.get(fmt::format("/api/v1/namespaces/{}/secrets/{}", name_space, name));
    return secret.is_object();
  });
  return http::base64_decoded(secret.value("/data"_json_pointer / key, "")).value_or("");
}

void PodmanNode::adapt_volumes(json& pod) {
  for (json& volume : pod["spec"]["volumes"]) {
    json sources = json::array();
    if (volume.contains("secret")) {
      json source = volume["secret"];
      source["name"] = source["secretName"];
      sources.push_back({{"secret", source}});
    } else if (volume.contains("projected")) {
      sources = volume["projected"]["sources"];
    } else {
      continue;
    }
    const fs::path directory = directory_ / name_of(pod) / volume["name"].get<std::string>();
    fs::create_directories(directory);
    for (const json& source : sources) {
      if (!source.contains("secret")) continue;
      for (const json& item : source["secret"]["items"]) {
        std::ofstream(directory / item["path"].get<std::string>())
            << secret(namespace_of(pod), source["secret"]["name"], item["key"]);
      }
    }
    volume = {{"name", volume["name"]},
              {"hostPath", {{"path", directory.string()}, {"type", "Directory"}}}};
  }
}

void PodmanNode::adapt_environment(const std::string& name_space, json& container) {
  if (!container.contains("env")) return;
  for (json& variable : container["env"]) {
    const json reference = variable.value("/valueFrom/secretKeyRef"_json_pointer, json());
    if (!reference.is_object()) continue;
    variable.erase("valueFrom");
    variable["value"] = secret(name_space, reference["name"], reference["key"]);
  }
}

}  // namespace scanflow::test
