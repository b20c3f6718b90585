#include "engine/podman/podman.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <system_error>
#include <thread>

#include "engine/podman/log_file.hpp"
#include "engine/podman/machine.hpp"
#include "engine/podman/manifest.hpp"
#include "engine/podman/process_limit.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::podman {
namespace {

namespace fs = std::filesystem;

/// SIGKILL, as a shell would see it.
constexpr int kKilled = 137;
constexpr std::chrono::milliseconds kRemoveAgain{200};
constexpr int kRemoveTries = 3;

/// conmon tells of a container that ran out of memory by a file `oom` in its current directory, and
/// podman looks for it elsewhere (conmon 2.1.6). Each Pod is made in a directory of its own, so that
/// the file says whose it is.
constexpr const char* kOomFile = "oom";

/// Of a log, whatever number of lines is asked for.
constexpr std::size_t kMostLog = 4u << 20;

/// The end of a file that may be large.
Result<std::string> read_end(const fs::path& path, std::size_t most) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(describe_errno("cannot open", path, errno));
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0 ||
      ::lseek(file.get(), std::max<off_t>(0, size - static_cast<off_t>(most)), SEEK_SET) < 0) {
    return fail(describe_errno("cannot read", path, errno));
  }
  return read_all(file.get(), path.string(), 2 * most);  // it may grow meanwhile
}

}  // namespace

Podman::Podman(Options options, Facts facts)
    : options_(std::move(options)), facts_(std::move(facts)), settings_(settings_for(facts_)) {}

Answer<Podman> Podman::open(Options options, const std::stop_token& stop) {
  auto facts = look(options.program, stop);
  if (!facts) return tl::unexpected(facts.error());
  std::error_code error;
  options.directory = fs::absolute(options.directory, error);
  fs::create_directories(options.directory / "pods", error);
  if (error) {
    return refuse(Refusal::other,
                  describe_errno("cannot make", options.directory / "pods", error.value()));
  }
  Podman podman(std::move(options), std::move(*facts));
  if (!podman.settings_.containers_conf.empty()) {
    const auto written = write_file_atomically(podman.options_.directory / "containers.conf",
                                               podman.settings_.containers_conf);
    if (!written) return refuse(Refusal::other, written.error().message);
  }
  return podman;
}

Invocation Podman::command(std::vector<std::string> arguments) const {
  Invocation command;
  command.argv = {options_.program};
  if (!settings_.runtime.empty()) {
    command.argv.insert(command.argv.end(), {"--runtime", settings_.runtime});
  }
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  if (!settings_.containers_conf.empty()) {
    command.environment.push_back(
        fmt::format("CONTAINERS_CONF={}", (options_.directory / "containers.conf").string()));
  }
  command.deadline = options_.deadline;
  return command;
}

Answer<std::string> Podman::ask(const std::string& what, std::vector<std::string> arguments,
                                const std::stop_token& stop) const {
  auto ended = run(command(std::move(arguments)), stop);
  if (!ended) return tl::unexpected(ended.error());
  if (ended->status != 0) return tl::unexpected(explain(what, ended->err));
  return std::move(ended->out);
}

fs::path Podman::directory_of(const std::string& pod) const {
  return options_.directory / "pods" / pod;
}

Answer<Played> Podman::play(const nlohmann::json& manifest, const std::stop_token& stop) const {
  const auto name = name_of(manifest);
  if (!name) return refuse(Refusal::manifest, name.error().message);
  const auto adapted = for_podman(manifest, settings_.unlimited);
  if (!adapted) return refuse(Refusal::manifest, adapted.error().message);
  std::error_code error;
  fs::create_directories(directory_of(*name), error);
  if (error) {
    return refuse(Refusal::other,
                  describe_errno("cannot make", directory_of(*name), error.value()));
  }

  std::vector<std::string> arguments{"kube", "play", "--quiet", "--log-driver", "k8s-file"};
  if (!adapted->at("spec").value("hostNetwork", false)) {
    // Not the default of `kube play`: a network with a name server of its own, which stays behind.
    arguments.insert(arguments.end(), {"--network", facts_.rootless ? "slirp4netns" : "podman"});
  }
  arguments.emplace_back("-");
  Invocation command = this->command(std::move(arguments));
  command.input = adapted->dump();
  command.directory = directory_of(*name);
  const std::string what = fmt::format("start the Pod {}", *name);
  const auto ended = run(command, stop);
  if (ended && ended->status == 0) {
    auto played = read_played(ended->out);
    if (!played) return refuse(Refusal::other, played.error().message);
    played->unlimited = limit_processes_of(*played, stop);
    return *played;
  }
  Failure failure = ended ? explain(what, ended->err) : ended.error();
  // podman leaves a Pod that it could not start; one that was there before is not ours to remove.
  if (failure.kind != Refusal::exists && failure.kind != Refusal::absent) {
    const auto removed = remove_what_is_left(
        *name, failure.kind == Refusal::stopped || failure.kind == Refusal::deadline);
    if (!removed) {
      failure.message += fmt::format("; and what it left stays: {}", removed.error().message);
    }
    remove_volumes(*adapted);
  }
  return tl::unexpected(std::move(failure));
}

/// What podman has started for it may still be at work on it; of a podman that was killed something may only show then.
Answer<void> Podman::remove_what_is_left(const std::string& pod, bool killed) const {
  for (int tries = 0;; ++tries) {
    const auto removed = remove(pod);
    if (removed && !killed) return removed;
    if (!removed && (removed.error().kind != Refusal::other || tries == kRemoveTries))
      return removed;
    std::this_thread::sleep_for(kRemoveAgain);
    const auto seen = find(pod, {});
    if (!seen && seen.error().kind == Refusal::missing) return {};
    if (tries == kRemoveTries) return removed;
  }
}

/// Before any of them is given something to do. Says why not.
std::string Podman::limit_processes_of(const Played& played, const std::stop_token& stop) const {
  if (settings_.processes == 0 || played.container_ids.empty()) return {};
  std::vector<std::string> arguments{"inspect", "--type", "container", "--format",
                                     "{{.State.CgroupPath}}"};
  arguments.insert(arguments.end(), played.container_ids.begin(), played.container_ids.end());
  const auto cgroups = ask("say which cgroups its containers have", std::move(arguments), stop);
  // Missing: a short one is over, and is being removed.
  if (!cgroups) return cgroups.error().kind == Refusal::missing ? "" : cgroups.error().message;
  std::istringstream lines(*cgroups);
  for (std::string cgroup; std::getline(lines, cgroup);) {
    const auto limited = limit_processes(cgroup, facts_.cgroup_version, settings_.processes);
    if (!limited) return limited.error().message;
  }
  return {};
}

/// They are made before the container that would take them along.
void Podman::remove_volumes(const nlohmann::json& manifest) const {
  std::vector<std::string> arguments{"volume", "rm"};
  for (const nlohmann::json& each : manifest["spec"].value("volumes", nlohmann::json::array())) {
    if (each.contains("emptyDir")) arguments.push_back(each.value("name", ""));
  }
  // Most are gone with the Pod: there is nothing to be done about what it says of those.
  if (arguments.size() > 2) (void)run(command(std::move(arguments)));
}

Answer<Pod> Podman::find(const std::string& pod, const std::stop_token& stop) const {
  const auto seen = ask(fmt::format("say how the Pod {} is", pod), {"pod", "inspect", pod}, stop);
  if (!seen) return tl::unexpected(seen.error());
  auto read = read_pod(*seen);
  if (!read) return refuse(Refusal::other, read.error().message);
  return *read;
}

Answer<Pod> Podman::inspect(const std::string& pod, const std::stop_token& stop) const {
  auto read = find(pod, stop);
  if (!read || read->containers.empty()) return read;
  std::vector<std::string> arguments{"inspect", "--type", "container"};
  for (const Container& each : read->containers) arguments.push_back(each.id);
  const auto containers =
      ask(fmt::format("say how the containers of {} are", pod), std::move(arguments), stop);
  // Missing: one was never made in whole, or is being removed. Then what the Pod says of it counts.
  if (!containers && containers.error().kind != Refusal::missing) {
    return tl::unexpected(containers.error());
  }
  if (const auto done = read_containers(containers ? *containers : "[]", *read); !done) {
    return refuse(Refusal::other, done.error().message);
  }
  std::error_code error;
  if (fs::exists(directory_of(read->name) / kOomFile, error)) {
    for (Container& each : read->containers) {
      each.oom_killed = each.oom_killed || (each.over() && each.exit_code == kKilled);
    }
  }
  return read;
}

Answer<std::vector<Pod>> Podman::list(const std::string& label, const std::stop_token& stop) const {
  const auto listed = ask(fmt::format("list the Pods with {}", label),
                          {"pod", "ps", "--format", "json", "--filter", "label=" + label}, stop);
  if (!listed) return tl::unexpected(listed.error());
  auto pods = read_pods(*listed);
  if (!pods) return refuse(Refusal::other, pods.error().message);
  return *pods;
}

Answer<void> Podman::start(const std::string& container, const std::stop_token& stop) const {
  const auto started =
      ask("start the container " + container + " again", {"start", container}, stop);
  if (!started) return tl::unexpected(started.error());
  return {};
}

Answer<void> Podman::signal(const std::string& container, const std::string& name,
                            const std::stop_token& stop) const {
  const auto sent = ask(fmt::format("send SIG{} to the container {}", name, container),
                        {"kill", "--signal", name, container}, stop);
  if (!sent) return tl::unexpected(sent.error());
  return {};
}

/// `pod rm` of a Pod that runs, or that was killed just now, takes 3.5 s; of one that podman knows to
/// be over, 0.1 s. What cannot be killed here, `pod rm` kills, or says why not.
void Podman::kill_all(const Pod& pod, const std::stop_token& stop) const {
  if (pod.at_rest) return;
  (void)run(command({"pod", "kill", "--signal", "KILL", pod.id}), stop);
  constexpr std::int64_t kPatienceUs = 3'000'000;
  const std::int64_t until = monotonic_us() + kPatienceUs;
  while (monotonic_us() < until && !stop.stop_requested()) {
    const auto seen = find(pod.id, stop);
    if (!seen || seen->at_rest) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Answer<void> Podman::remove(const std::string& pod, const std::stop_token& stop) const {
  const auto seen = find(pod, stop);
  if (!seen && seen.error().kind != Refusal::missing) return tl::unexpected(seen.error());
  if (seen) {
    kill_all(*seen, stop);
    const auto removed = ask(fmt::format("remove the Pod {}", pod),
                             {"pod", "rm", "--force", "--time", "0", seen->id}, stop);
    if (!removed && removed.error().kind != Refusal::missing) {
      return tl::unexpected(removed.error());
    }
  }
  std::error_code error;
  fs::remove_all(directory_of(seen ? seen->name : pod), error);
  return {};
}

Answer<std::string> Podman::logs(const std::string& container, unsigned tail,
                                 const std::stop_token& stop) const {
  const std::string what = fmt::format("read the log of {}", container);
  if (facts_.remote) return ask(what, {"logs", "--tail", std::to_string(tail), container}, stop);
  auto file = ask(
      what,
      {"inspect", "--type", "container", "--format", "{{.HostConfig.LogConfig.Path}}", container},
      stop);
  if (!file) return tl::unexpected(file.error());
  file->resize(file->find_last_not_of('\n') + 1);
  const auto end = read_end(*file, kMostLog);
  if (!end) return refuse(Refusal::other, end.error().message);
  return last_lines(*end, tail);
}

Answer<std::string> Podman::address(const std::string& container,
                                    const std::stop_token& stop) const {
  const std::string what = "say the address of " + container;
  auto printed = ask(what,
                     {"inspect", "--type", "container", "--format",
                      "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", container},
                     stop);
  if (!printed) return tl::unexpected(printed.error());
  const std::size_t end = printed->find_first_of(" \n");
  std::string address = printed->substr(0, end);
  if (address.empty()) {
    return refuse(Refusal::network, fmt::format("cannot {}: it is on the machine's own network "
                                                "(hostNetwork)",
                                                what));
  }
  return address;
}

Answer<bool> Podman::image_exists(const std::string& image, const std::stop_token& stop) const {
  const auto ended = run(command({"image", "exists", image}), stop);
  if (!ended) return tl::unexpected(ended.error());
  if (ended->status > 1) {
    return tl::unexpected(explain(fmt::format("look for the image {}", image), ended->err));
  }
  return ended->status == 0;
}

Answer<void> Podman::build(const fs::path& context, const std::string& image,
                           const std::stop_token& stop) const {
  // The cache looks at every image of this machine, and fails where somebody removes one meanwhile.
  const auto built =
      ask(fmt::format("build the image {}", image),
          {"build", "--quiet", "--no-cache", "--tag", image, context.string()}, stop);
  if (!built) return tl::unexpected(built.error());
  return {};
}

Answer<void> Podman::remove_image(const std::string& image, const std::stop_token& stop) const {
  const auto removed =
      ask(fmt::format("remove the image {}", image), {"image", "rm", "--force", image}, stop);
  if (!removed) return tl::unexpected(removed.error());
  return {};
}

}  // namespace scanflow::podman
