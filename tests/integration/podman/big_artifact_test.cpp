// A large artifact from Pod to Pod: in constant memory, and what was on its way when its connection was cut goes on
// from there. SCANFLOW_ARTIFACT_MIB: its size.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>

#include "sdk/base/clock.hpp"
#include "tests/integration/podman/pod_backend.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1u << 20;

std::uint64_t artifact_mib() {
  const char* chosen = std::getenv("SCANFLOW_ARTIFACT_MIB");
  return chosen == nullptr ? 64 : std::stoull(chosen);
}

/// The most memory that a process has had so far; 0: it is gone.
double peak_mib(pid_t pid) {
  std::istringstream status(read(fmt::format("/proc/{}/status", pid)));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

/// Bytes that have gone through the network of a process's Pod, into it and out of it; none: it is gone.
std::optional<std::uint64_t> traffic(pid_t pid) {
  std::istringstream devices(read(fmt::format("/proc/{}/net/dev", pid)));
  for (std::string line; std::getline(devices, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.find("lo:") != std::string::npos) continue;
    std::istringstream numbers(line.substr(colon + 1));
    std::uint64_t received = 0, sent = 0, other = 0;
    numbers >> received;
    for (int i = 0; i < 7; ++i) numbers >> other;
    numbers >> sent;
    return received + sent;
  }
  return std::nullopt;
}

class BigArtifact : public PodBackend {
 protected:
  /// How an artifact got into a Pod, or out of it.
  struct Transfer {
    std::string cut;            // the connection that was, as ss shows it
    std::uint64_t cut_at = 0;   // bytes that had moved by then
    std::uint64_t moved = 0;    // at the end
    std::int64_t begun_us = 0;  // the first piece was on its way
    std::int64_t ended_us = 0;  // the last one
    double sidecar_mib = 0;     // at most
    double mib_a_second() const {
      return static_cast<double>(artifact_mib()) * 1e6 / static_cast<double>(ended_us - begun_us);
    }
  };

  /// The process of the sidecar of a Pod that was not there before.
  pid_t next_sidecar() {
    pid_t pid = 0;
    EXPECT_TRUE(eventually([&] {
      for (const podman::Pod& pod : pods()) {
        if (seen_.contains(pod.name)) continue;
        const auto said =
            podman::run(podman().command({"inspect", "--type", "container", "--format",
                                          "{{.State.Pid}}", pod.name + "-scanflow-sidecar"}));
        if (!said || said->status != 0 || said->out == "0\n") continue;
        pid = static_cast<pid_t>(std::stol(said->out));
        seen_.insert(pod.name);
      }
      return pid != 0;
    })) << "no Pod comes";
    return pid;
  }

  /// Resets the connection for files of this process's Pod; as ss shows it, "" where there was none.
  std::string cut(pid_t pid) const {
    const json hub = json::parse(read(scanflow_.state() / "hub.json"));
    const Output output =
        Program({"nsenter", "--target", std::to_string(pid), "--net", "ss", "--kill", "--tcp",
                 "--no-header", fmt::format("dport = :{}", hub.at("bulk_port").get<int>())})
            .wait();
    EXPECT_EQ(output.exit, 0) << output.err;
    return output.out;
  }

  /// Until the Pod is gone; in the middle of it the connection is cut.
  Transfer follow(pid_t pid) {
    Transfer transfer;
    const std::uint64_t bytes = artifact_mib() * kMiB;
    EXPECT_TRUE(eventually(
        [&] {
          const auto moved = traffic(pid);
          if (!moved) return true;
          if (*moved > kMiB && transfer.begun_us == 0) transfer.begun_us = monotonic_us();
          if (*moved > transfer.moved + kMiB / 4) transfer.ended_us = monotonic_us();
          transfer.moved = *moved;
          transfer.sidecar_mib = std::max(transfer.sidecar_mib, peak_mib(pid));
          if (*moved > bytes / 2 && transfer.cut.empty()) {
            transfer.cut = cut(pid);
            transfer.cut_at = *moved;
          }
          return false;
        },
        std::chrono::seconds(100)))
        << transfer.moved / kMiB << " MiB have moved";
    return transfer;
  }

  void expect_resumed(const std::string& what, const Transfer& transfer) const {
    const std::uint64_t bytes = artifact_mib() * kMiB;
    std::cout << fmt::format(
        "{}: {} MiB at {:.0f} MiB/s, cut after {} MiB, {} MiB moved in all; sidecar at most {:.1f} "
        "MiB\n",
        what, artifact_mib(), transfer.mib_a_second(), transfer.cut_at / kMiB,
        transfer.moved / kMiB, transfer.sidecar_mib);
    EXPECT_THAT(transfer.cut, HasSubstr("ESTAB"))
        << what << ": no connection was cut; can this kernel (INET_DIAG_DESTROY)?";
    EXPECT_LT(transfer.cut_at, bytes * 3 / 4) << what << ": it was cut too late to tell";
    EXPECT_LT(transfer.moved, bytes + bytes / 4) << what << ": it began anew";
    EXPECT_LT(transfer.sidecar_mib, 40) << what;
  }

 private:
  std::set<std::string> seen_;
};

TEST_F(BigArtifact, GoesFromPodToPodInConstantMemoryThoughItsConnectionsAreCut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can cut a Pod's connection";
  const auto program = start(fmt::format(R"(
  - name: make
    command: [python3, -c]
    args:
      - |
        import hashlib, os, random
        piece, sha256 = random.Random(1).randbytes(1 << 20), hashlib.sha256()
        with open(os.environ["SCANFLOW_ARTIFACTS"] + "/data", "wb") as file:
            for i in range({}):
                part = i.to_bytes(8, "big") + piece[8:]
                file.write(part)
                sha256.update(part)
        print("sha256=" + sha256.hexdigest(), file=open(os.environ["SCANFLOW_OUTPUT"], "a"))
  - name: use
    needs: [make]
    with: {{data: "${{{{ steps.make.artifacts.data }}}}"}}
    command: [python3, -c]
    args:
      - |
        import hashlib, os
        sha256 = hashlib.sha256()
        with open(os.environ["SCANFLOW_INPUT_DATA"], "rb") as file:
            while part := file.read(1 << 20):
                sha256.update(part)
        print("sha256=" + sha256.hexdigest(), file=open(os.environ["SCANFLOW_OUTPUT"], "a"))
)",
                                         artifact_mib()));
  const pid_t maker = next_sidecar();
  const double engine_mib = peak_mib(program->pid());
  const Transfer out = follow(maker);
  const Transfer in = follow(next_sidecar());
  const double grown_mib = peak_mib(program->pid()) - engine_mib;
  const Output output = program->wait();
  ASSERT_EQ(output.exit, 0) << output.out << output.err;

  expect_resumed("out of a Pod", out);
  expect_resumed("into a Pod", in);
  std::cout << fmt::format("the engine had {:.1f} MiB, and {:.1f} more at most\n", engine_mib,
                           grown_mib);
  EXPECT_LT(grown_mib, 64);
  const json made = step("make");
  EXPECT_EQ(made.at("artifacts").at("data").at("bytes"), artifact_mib() * kMiB);
  EXPECT_EQ(made.at("artifacts").at("data").at("sha256"), made.at("outputs").at("sha256"));
  EXPECT_EQ(step("use").at("outputs").at("sha256"), made.at("outputs").at("sha256"));
}

}  // namespace
}  // namespace scanflow::test
