#include "engine/podman/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sdk/base/text.hpp"

namespace scanflow::podman {
namespace {

struct Known {
  std::string_view words;  // of podman
  Refusal kind;
  std::string_view fix;
  std::string_view with = {};  // these too

  bool in(std::string_view said) const {
    return said.find(words) != std::string_view::npos && said.find(with) != std::string_view::npos;
  }
};

constexpr std::string_view kPull = "initializing source";
constexpr std::string_view kRegistryFix =
    "the registry does not answer: is it in reach? Else build the image here "
    "(deploy/docker/build), "
    "or bring it here by podman load -i FILE";
constexpr std::string_view kResourcesFix =
    "the step's 'resources' are less than a container needs, or more than there is";
constexpr std::string_view kManifestFix =
    "see 'pod_template', 'image', 'resources' and 'volumes' of the step (what a 'host_path' names "
    "must be there)";

// The first that fits: causes come before what follows from them.
constexpr std::array kKnown = {
    Known{"unable to connect to Podman socket", Refusal::service,
          "is the service running that CONTAINER_HOST names? Start it (podman system service -t 0 "
          "URL, or systemctl start podman.socket), or unset CONTAINER_HOST"},
    Known{"error setting rlimit", Refusal::rlimits, kUlimitsFix},
    Known{"hybrid mode not supported", Refusal::runtime,
          "crun does not run on cgroups of both versions: install runc (Debian: apt install runc)"},
    Known{"default OCI runtime", Refusal::runtime,
          "install a runtime for containers (Debian: apt install runc)"},
    Known{"finding pause binary", Refusal::pause_image,
          "a Pod's pause image is made of catatonit: install it (Debian: apt install catatonit)"},
    Known{"netavark: No such file", Refusal::network,
          "netavark calls iptables: install it (Debian: apt install iptables)"},
    Known{"could not find \"netavark\"", Refusal::network,
          "install netavark (Debian: apt install netavark iptables)"},
    Known{"could not find slirp4netns", Refusal::network,
          "install it (Debian: apt install slirp4netns)"},
    Known{"/dev/net/tun", Refusal::network, kTunFix},
    Known{"unable to find network", Refusal::network,
          "podman network ls shows which there are; 'podman' is always there"},
    Known{"newuidmap", Refusal::rootless,
          "without root, podman needs newuidmap (Debian: apt install uidmap), and lines for this "
          "user in /etc/subuid and /etc/subgid"},
    Known{"no subuid ranges", Refusal::rootless,
          "give this user a range: usermod --add-subuids 100000-165535 --add-subgids "
          "100000-165535 USER"},
    Known{"image not known", Refusal::image,
          "build it (deploy/docker/build), or bring it here: podman pull NAME, or podman load -i "
          "FILE; podman images shows what is here"},
    Known{"did not resolve to an alias", Refusal::image,
          "write the name with its registry, or as localhost/NAME where it was built here"},
    Known{"docker://localhost/", Refusal::image,
          "nobody has built it here: deploy/docker/build, or bring it here by podman load -i FILE"},
    Known{"timeout", Refusal::registry, kRegistryFix, kPull},
    Known{"connection refused", Refusal::registry, kRegistryFix, kPull},
    Known{"connection reset", Refusal::registry, kRegistryFix, kPull},
    Known{"unexpected EOF", Refusal::registry, kRegistryFix, kPull},
    Known{"toomanyrequests", Refusal::registry, kRegistryFix, kPull},
    Known{"Temporary failure in name resolution", Refusal::registry, kRegistryFix, kPull},
    Known{"server misbehaving", Refusal::registry, kRegistryFix, kPull},
    Known{kPull, Refusal::image,
          "the registry is not in reach, or has no such image: build it here "
          "(deploy/docker/build), or bring it here by podman load -i FILE"},
    Known{"attempted to invoke a command that was not found", Refusal::program,
          "is the command in the image, and its interpreter, and the libraries that it loads?"},
    Known{"invalid reference format", Refusal::image,
          "an image is named REGISTRY/PATH:TAG, in small letters"},
    Known{"Invalid image name", Refusal::image,
          "an image is named REGISTRY/PATH:TAG, in small letters"},
    Known{"already exists", Refusal::exists, "remove it: podman pod rm -f NAME"},
    Known{"unable to read YAML", Refusal::manifest, kManifestFix},
    Known{"is invalid; duplicate", Refusal::manifest, kManifestFix},
    Known{"not configured in volumes", Refusal::manifest, kManifestFix},
    Known{"failed to create volume", Refusal::manifest, kManifestFix},
    Known{"unknown capability", Refusal::manifest, kManifestFix},
    Known{"create option: ", Refusal::manifest, kManifestFix},
    Known{"unable to set memory limit", Refusal::manifest, kResourcesFix},
    Known{"error setting cgroup config", Refusal::manifest, kResourcesFix, "invalid argument"},
    Known{"CONTAINERS_CONF file", Refusal::settings,
          "CONTAINERS_CONF names a file that is not there: unset it, or write the file"},
    Known{"no such pod", Refusal::missing, ""},
    Known{"no pod with name or ID", Refusal::missing, ""},
    Known{"no such container", Refusal::missing, ""},
    Known{"no container with name or ID", Refusal::missing, ""},
};

/// Its errors without its warnings; podman says the same of each container that depends on another.
std::string complaint(std::string_view said, std::string_view words) {
  constexpr std::string_view kEachSaysWhy = "failed to start ", kFollows = "a dependency of ";
  std::string error, with_words, all, first;
  while (!said.empty()) {
    const auto end = said.find('\n');
    const std::string_view line = said.substr(0, end);
    said.remove_prefix(end == std::string_view::npos ? said.size() : end + 1);
    if (line.find("level=warning") != std::string_view::npos || line.empty()) continue;
    if (line.starts_with("Error: ")) error = line.substr(7);
    if (first.empty() && line.starts_with("starting container ") &&
        line.find(kFollows) == std::string_view::npos) {
      first = line;
    }
    if (with_words.empty() && !words.empty() && line.find(words) != std::string_view::npos) {
      with_words = line.starts_with("Error: ") ? line.substr(7) : line;
    }
    all += fmt::format("{}{}", all.empty() ? "" : "; ", line);
  }
  if (error.starts_with(kEachSaysWhy) && !first.empty()) error = first;
  std::string& best = !with_words.empty() ? with_words : !error.empty() ? error : all;
  if (best.empty()) best = "it said nothing";
  return std::string(cut_utf8(valid_utf8(std::move(best)), 600));
}

}  // namespace

Failure explain(std::string_view what, std::string_view said) {
  const auto known =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& each) { return each.in(said); });
  if (known == kKnown.end()) {
    return {Refusal::other, fmt::format("podman cannot {}: {}", what, complaint(said, ""))};
  }
  return {known->kind, fmt::format("podman cannot {}: {}{}{}", what, complaint(said, known->words),
                                   known->fix.empty() ? "" : "; ", known->fix)};
}

}  // namespace scanflow::podman
