#include "engine/backend/pod_request.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "sdk/base/digest.hpp"
#include "sidecar/protocol/saving.hpp"

namespace scanflow::backend {

using nlohmann::json;

namespace {

std::string digest_of(const protocol::AttemptId& id, const std::string& more = "") {
  return sha256_hex(fmt::format("{}\n{}\n{}\n{}", id.run, id.step, id.attempt, more));
}

json resources_of(const json& pod) {
  json resources = json::object();
  for (const char* kind : {"requests", "limits"}) {
    if (const auto found = pod.find(kind); found != pod.end() && !found->empty())
      resources[kind] = *found;
  }
  return resources;
}

json app_container(const protocol::Request& request, const json& pod, const Images& images) {
  json container = {{"name", kAppContainer}};
  const bool plugin = request.uses != "command";
  const bool own_image = pod.contains("image");
  container["image"] = own_image ? pod.at("image") : json(plugin ? images.worker : images.command);
  // Its `command` is what follows from that: what serves the sidecar's orders.
  container["command"] = plugin ? json({"scanflow-worker", "serve"})
                                : json({"/scanflow/bin/scanflow-exec", "--serve"});
  if (json resources = resources_of(pod); !resources.empty()) container["resources"] = resources;
  container["volumeMounts"] = json::array({{{"name", "tmp"}, {"mountPath", "/tmp"}}});
  container["securityContext"] = {{"allowPrivilegeEscalation", false},
                                  {"capabilities", {{"drop", {"ALL"}}}},
                                  {"readOnlyRootFilesystem", true},
                                  {"runAsNonRoot", true},
                                  {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  // What it wrote last, where it ends without the sidecar's having told it.
  container["terminationMessagePolicy"] = "FallbackToLogsOnError";
  return container;
}

/// Those of the step, with their mounts.
void add_volumes(const json& pod, json& volumes, json& container) {
  for (const json& each : pod.value("volumes", json::array())) {
    const std::string name = fmt::format("volume-{}", volumes.size());
    json volume = {{"name", name}};
    const bool read_only = each.value("read_only", false);
    if (each.contains("host_path")) {
      volume["hostPath"] = {{"path", each["host_path"]}};
    } else if (each.contains("claim")) {
      volume["persistentVolumeClaim"] = {{"claimName", each["claim"]}};
      if (read_only) volume["persistentVolumeClaim"]["readOnly"] = true;
    } else {
      volume["emptyDir"] = json::object();
      if (each.contains("bytes"))
        volume["emptyDir"]["sizeLimit"] = std::to_string(each["bytes"].get<std::uint64_t>());
    }
    volumes.push_back(std::move(volume));
    json mount = {{"name", name}, {"mountPath", each["path"]}};
    if (read_only) mount["readOnly"] = true;
    container["volumeMounts"].push_back(std::move(mount));
  }
}

}  // namespace

PodTemplate pod_template(const protocol::Request& request, const Images& images) {
  const json pod = request.pod.empty() ? json::object() : json::parse(request.pod);
  PodTemplate made;
  json container = app_container(request, pod, images);
  json volumes = json::array({{{"name", "tmp"}, {"emptyDir", json::object()}}});
  add_volumes(pod, volumes, container);
  json spec = {{"restartPolicy", "Never"},
               // Its sidecar may be saving what the step leaves.
               {"terminationGracePeriodSeconds", protocol::kPodGraceUs / 1'000'000},
               {"automountServiceAccountToken", false},
               {"containers", {std::move(container)}},
               // Whatever its image says: the sidecar's, else that is not let near it.
               {"securityContext", {{"runAsUser", 65532}, {"runAsGroup", 65532}}},
               {"volumes", std::move(volumes)}};
  // What the pipeline says of the Pod itself goes over what was made up here, by JSON Merge Patch.
  if (const auto given = pod.find("template"); given != pod.end()) spec.merge_patch(*given);
  made.manifest = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", std::move(spec)}};
  made.secrets = pod.value("secrets", json::object());
  made.hash = sha256_hex(made.manifest.dump() + images.sidecar + made.secrets.dump()).substr(0, 16);
  if (const auto reuse = pod.find("reuse"); reuse != pod.end()) {
    made.reuse.uses = reuse->value("uses", 1u);
    made.reuse.idle_us = reuse->value("idle_us", std::int64_t{0});
    made.reuse.age_us = reuse->value("age_us", std::int64_t{0});
  }
  return made;
}

protocol::Request pod_request(const protocol::Request& request) {
  namespace fs = std::filesystem;
  protocol::Request made = request;
  made.pod.clear();
  made.cwd.clear();
  made.log_dir.clear();
  if (!made.library.empty()) made.library = fs::path(made.library).filename();
  for (protocol::Input& input : made.inputs) {
    const bool executable = fs::path(input.path).extension() == ".x";  // the store's own
    input.path = input.directory ? "tree" : executable ? "executable" : "file";
  }
  if (!made.checkpoints.empty()) {
    const fs::path here = made.checkpoints;  // .../RUN/STEP/WORK
    const std::string there =
        (kCheckpoints / here.parent_path().filename() / here.filename()).string();
    // Files of the step's settings are named by their place in it.
    json steering = json::parse(made.steering, nullptr, false);
    if (steering.is_object() && steering.contains("checkpoint") &&
        steering["checkpoint"].contains("file")) {
      json& file = steering["checkpoint"]["file"];
      const fs::path relative =
          fs::path(file.get<std::string>()).lexically_relative(made.checkpoints);
      file = (fs::path(there) / relative).lexically_normal().string();
      made.steering = steering.dump();
    }
    made.checkpoints = there;
  }
  return made;
}

std::string pod_name(const protocol::AttemptId& id, const std::string& state) {
  return "scanflow-" + digest_of(id, state).substr(0, 20);
}

std::string log_segment(const protocol::AttemptId& id) {
  return "pod-" + digest_of(id).substr(0, 16) + ".log";
}

}  // namespace scanflow::backend
