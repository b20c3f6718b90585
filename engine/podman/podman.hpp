// Pods on this machine, by podman's command line: there is no daemon to look after, and a Pod outlives whoever
// made it. Calls block (30 ms; a play 0.4 s), have a deadline, and end early where `stop` asks for it. Of any thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/podman/facts.hpp"
#include "engine/podman/failure.hpp"
#include "engine/podman/process.hpp"
#include "engine/podman/states.hpp"

namespace scanflow::podman {

struct Options {
  std::filesystem::path directory;  // of the client alone; made where it is not there
  std::string program = "podman";
  std::chrono::milliseconds deadline = std::chrono::seconds(60);  // of one call
};

class Podman {
 public:
  /// Looks at the machine, and works around what it lacks (see Settings) without touching anybody's
  /// files. Failures: podman is absent or cannot say anything; the directory cannot be written.
  static Answer<Podman> open(Options options, const std::stop_token& stop = {});

  /// The same, but for how long one call may take.
  Podman within(std::chrono::milliseconds deadline) const {
    Podman copy = *this;
    copy.options_.deadline = deadline;
    return copy;
  }

  const Facts& facts() const { return facts_; }
  const Settings& settings() const { return settings_; }
  /// The name by which a Pod reaches this machine, where something listens on all its addresses
  /// (not on 127.0.0.1 alone).
  static constexpr const char* kHost = "host.containers.internal";

  /// Makes and starts a Pod of a Kubernetes manifest (v1 Pod). Of one that fails nothing stays.
  /// Its network: podman's bridge (without root slirp4netns), or the machine's where it says
  /// hostNetwork.
  Answer<Played> play(const nlohmann::json& manifest, const std::stop_token& stop = {}) const;
  /// Refusal::missing: there is none.
  Answer<Pod> inspect(const std::string& pod, const std::stop_token& stop = {}) const;
  /// Those with the label "key=value", whoever made them and when; without exit codes.
  Answer<std::vector<Pod>> list(const std::string& label, const std::stop_token& stop = {}) const;
  /// To a container's first process: "TERM", "KILL". `container`: podman's name or id of it.
  Answer<void> signal(const std::string& container, const std::string& name,
                      const std::stop_token& stop = {}) const;
  /// Starts one that has ended again.
  Answer<void> start(const std::string& container, const std::stop_token& stop = {}) const;
  /// Kills what still runs of it, and removes it with its volumes and directory. One that is not
  /// there: done.
  Answer<void> remove(const std::string& pod, const std::stop_token& stop = {}) const;
  /// The last `tail` lines of a container's stdout and stderr (of its last 4 MiB), in the order in
  /// which they came to be read.
  Answer<std::string> logs(const std::string& container, unsigned tail,
                           const std::stop_token& stop = {}) const;
  /// The IP address of its Pod, where those of other Pods reach it (not without root).
  Answer<std::string> address(const std::string& container, const std::stop_token& stop = {}) const;
  Answer<bool> image_exists(const std::string& image, const std::stop_token& stop = {}) const;
  /// Builds an image from a directory with a Containerfile.
  Answer<void> build(const std::filesystem::path& context, const std::string& image,
                     const std::stop_token& stop = {}) const;
  Answer<void> remove_image(const std::string& image, const std::stop_token& stop = {}) const;

  /// podman with these arguments, settings and all.
  Invocation command(std::vector<std::string> arguments) const;

 private:
  Podman(Options options, Facts facts);
  Answer<std::string> ask(const std::string& what, std::vector<std::string> arguments,
                          const std::stop_token& stop) const;
  Answer<Pod> find(const std::string& pod, const std::stop_token& stop) const;
  std::string limit_processes_of(const Played& played, const std::stop_token& stop) const;
  Answer<void> remove_what_is_left(const std::string& pod, bool killed) const;
  void remove_volumes(const nlohmann::json& manifest) const;
  void kill_all(const Pod& pod, const std::stop_token& stop) const;
  std::filesystem::path directory_of(const std::string& pod) const;

  Options options_;
  Facts facts_;
  Settings settings_;
};

}  // namespace scanflow::podman
