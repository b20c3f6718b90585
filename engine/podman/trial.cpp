#include "engine/podman/trial.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::podman {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Its layer is like no other's, for the name that lies in it: podman shares layers that are alike, and whoever
/// removes one takes it from those that build on it just then.
constexpr const char* kContainerfile = "FROM scratch\nCOPY scanflow-exec name /\n";

/// What our Pods have: a shared PID namespace, limits, no rights, a read-only root, a volume.
json manifest(const std::string& name, const std::string& image) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", name}, {"labels", {{"scanflow.dev/check", name}}}}},
      {"spec",
       {{"restartPolicy", "Never"},
        {"shareProcessNamespace", true},
        {"automountServiceAccountToken", false},
        {"volumes", json::array({{{"name", "scanflow"}, {"emptyDir", json::object()}}})},
        {"containers",
         json::array({{{"name", "app"},
                       {"image", image},
                       {"imagePullPolicy", "Never"},
                       {"command", {"/scanflow-exec", "--version"}},
                       {"resources", {{"limits", {{"memory", "64Mi"}, {"cpu", "500m"}}}}},
                       {"securityContext",
                        {{"runAsUser", 65532},
                         {"runAsGroup", 65532},
                         {"readOnlyRootFilesystem", true},
                         {"allowPrivilegeEscalation", false},
                         {"capabilities", {{"drop", {"ALL"}}}}}},
                       {"volumeMounts",
                        json::array({{{"name", "scanflow"}, {"mountPath", "/scanflow"}}})}}})}}}};
}

Answer<void> build_image(const Podman& podman, const fs::path& launcher, const fs::path& scratch,
                         const std::string& image, const std::stop_token& stop) {
  std::error_code error;
  fs::create_directories(scratch, error);
  constexpr auto kAnew = fs::copy_options::overwrite_existing;  // of a check that was killed
  if (!error) fs::copy_file(launcher, scratch / "scanflow-exec", kAnew, error);
  if (error) {
    return refuse(Refusal::other,
                  describe_errno("cannot take for an image", launcher, error.value()));
  }
  for (const auto& [file, content] :
       {std::pair<const char*, std::string>{"Containerfile", kContainerfile}, {"name", image}}) {
    if (const auto written = write_file_atomically(scratch / file, content); !written)
      return refuse(Refusal::other, written.error().message);
  }
  return podman.build(scratch, image, stop);
}

Answer<void> play_once(const Podman& podman, const std::string& name, const std::string& image,
                       const std::stop_token& stop) {
  const auto played = podman.play(manifest(name, image), stop);
  if (!played) return tl::unexpected(played.error());
  const auto waited = run(podman.command({"wait", name + "-app"}), stop);
  if (!waited) return tl::unexpected(waited.error());
  const auto pod = podman.inspect(name, stop);
  if (!pod) return tl::unexpected(pod.error());
  const auto log = podman.logs(name + "-app", 10, stop);
  if (!log) return tl::unexpected(log.error());
  const int code = pod->containers.empty() ? -1 : pod->containers.front().exit_code;
  if (code != 0 || log->find("scanflow-exec") == std::string::npos) {
    return refuse(Refusal::other,
                  fmt::format("its container ended with {} and said: {}", code, *log));
  }
  return {};
}

}  // namespace

Answer<std::string> try_pod(const Podman& podman, const fs::path& launcher, const fs::path& scratch,
                            const std::stop_token& stop) {
  const std::int64_t begun = monotonic_us();
  const std::string name = fmt::format("scanflow-check-{}-{}", ::getpid(), begun);
  const std::string image = fmt::format("localhost/{}:1", name);
  const auto built = build_image(podman, launcher, scratch, image, stop);
  std::error_code error;
  fs::remove_all(scratch, error);
  if (!built) return tl::unexpected(built.error());
  const std::int64_t ready = monotonic_us();
  const auto done = play_once(podman, name, image, stop);
  const auto removed = podman.remove(name);
  const std::int64_t over = monotonic_us();
  const auto image_removed = podman.remove_image(image);
  if (!done) return tl::unexpected(done.error());
  if (!removed) return tl::unexpected(removed.error());
  if (!image_removed) return tl::unexpected(image_removed.error());
  return fmt::format("ran and was removed in {}, its image built in {}",
                     format_duration(over - ready), format_duration(ready - begun));
}

}  // namespace scanflow::podman
