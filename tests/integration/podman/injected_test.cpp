// A Deployment that is not ours, injected and played by podman: what its sidecar tells a hub, and what it can do to it.
#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <optional>
#include <sstream>

#include "engine/hub/hub.hpp"
#include "engine/inject/inject.hpp"
#include "engine/inject/json.hpp"
#include "engine/inject/yaml.hpp"
#include "tests/integration/podman/pod_backend.hpp"
#include "tests/support/keys.hpp"

namespace scanflow::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Of a person; `user`: whom its container runs as.
std::string deployment(int user) {
  return fmt::format(R"(
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {{app.kubernetes.io/name: web}}
spec:
  replicas: 1
  selector:
    matchLabels: {{app.kubernetes.io/name: web}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: web, tier: front}}
    spec:
      containers:
      - name: server
        image: {}-python:latest
        imagePullPolicy: Never
        command: [python3, -u, -c]
        args:
        - |
          import time
          for turn in range(100_000):
              print("turn", turn, sum(range(10_000)))
              time.sleep(0.02)
        resources:
          requests: {{cpu: 50m, memory: 32Mi}}
          limits: {{memory: 64Mi}}
        securityContext: {{runAsUser: {}, runAsGroup: {}}}
)",
                     kImages, user, user);
}

/// What a hub was told; on its thread.
class Told {
 public:
  template <typename Use>
  auto with(Use use) {
    const std::lock_guard lock(mutex_);
    return use(*this);
  }

  hub::SidecarKey sidecar;
  std::optional<protocol::Started> workload;
  std::map<std::uint64_t, std::string> series;
  std::map<std::string, double> samples;  // the last one of each
  std::map<std::string, protocol::Outcome> outcomes;

 private:
  std::mutex mutex_;
};

class Injected : public PodBackend {
 protected:
  void TearDown() override {
    PodBackend::TearDown();  // nobody speaks with the hub any more
    hub_.reset();
  }

  void start_hub() {
    hub::HubOptions options;
    options.boot_id = "hub";
    options.term = 1;
    options.limits.sample_us = 200'000;
    options.network.tcp = "tcp://0.0.0.0:*";
    options.network.secret_key = hub_keys_.secret;
    options.network.user_of = [this](const std::string& key) {
      return key == keys_.open ? "team" : "";
    };
    hub::HubEvents events;
    events.workload = [this](const hub::SidecarKey& key, const protocol::Started& started) {
      told_.with([&](Told& told) {
        told.sidecar = key;
        told.workload = started;
      });
    };
    events.series = [this](const auto&, const protocol::Series& series) {
      return told_.with([&](Told& told) {
        told.series[told.series.size() + 1] = series.name;
        return told.series.size();
      });
    };
    events.samples = [this](std::span<const hub::Sample> samples) {
      told_.with([&](Told& told) {
        for (const hub::Sample& each : samples) told.samples[told.series[each.series]] = each.value;
      });
    };
    events.delivery = [this](const hub::SidecarKey& key, std::uint64_t number,
                             const protocol::Message& message) {
      if (const auto* outcome = std::get_if<protocol::Outcome>(&message.body))
        told_.with([&](Told& told) { told.outcomes[outcome->id] = *outcome; });
      hub_->post([key, number](hub::Core& core, std::int64_t now_us) {
        core.delivered(key, number, now_us);
      });
    };
    auto started = hub::Hub::start(std::move(options), std::move(events));
    ASSERT_TRUE(started) << started.error().message;
    hub_ = std::move(*started);
  }

  /// The Deployment's Pod as a cluster would make it.
  json pod_of(const std::string& yaml) {
    const auto read = inject::read_yaml(yaml);
    EXPECT_TRUE(read) << read.error().message;
    json object = json::parse(inject::write_json(*read));
    inject::Settings settings = inject::defaults("test");
    settings.shape = inject::Shape::plain;
    settings.image = kImages + "-sidecar:latest";
    settings.image_pull_policy = "Never";
    settings.hub = fmt::format("tcp://{}:{}", podman::Podman::kHost,
                               hub_->tcp().substr(hub_->tcp().rfind(':') + 1));
    settings.keys = {hub_keys_.open, keys_.open, keys_.secret};
    const auto patch = inject::inject(object, "default", settings);
    EXPECT_TRUE(patch) << patch.error().message;
    EXPECT_EQ(patch->reports.at(0).outcome, inject::Outcome::injected)
        << patch->reports.at(0).reason;
    object = object.patch(patch->operations);
    json pod = object.at("spec").at("template");
    pod["apiVersion"] = "v1";
    pod["kind"] = "Pod";
    pod["metadata"]["name"] = pod_;
    return pod;
  }

  void play_deployment(int user) {
    ASSERT_NO_FATAL_FAILURE(start_hub());
    pod_ = name("web");
    ASSERT_NO_FATAL_FAILURE(play(pod_of(deployment(user))));
    ASSERT_TRUE(eventually([&] {
      return told_.with([](Told& told) { return told.workload.has_value(); });
    })) << "nothing is heard of it; its sidecar says: "
        << podman().logs(pod_ + "-scanflow-sidecar", 10).value_or("nothing");
  }

  protocol::Outcome order(const std::string& primitive, const json& arguments = json::object()) {
    hub_->post([&](hub::Core& core, std::int64_t now_us) {
      protocol::Command command;
      command.id = command.primitive = primitive;
      command.arguments = arguments.dump();
      command.deadline_us = 10'000'000;
      const hub::SidecarKey sidecar = told_.with([&](Told& told) {
        command.target = told.workload->id;
        return told.sidecar;
      });
      EXPECT_TRUE(core.command(sidecar, command, now_us));
    });
    EXPECT_TRUE(eventually([&] {
      return told_.with([&](Told& told) { return told.outcomes.contains(primitive); });
    })) << primitive
        << " has no outcome";
    return told_.with([&](Told& told) { return told.outcomes[primitive]; });
  }
  double sample(const std::string& name) {
    return told_.with(
        [&](Told& told) { return told.samples.contains(name) ? told.samples[name] : 0; });
  }

  /// 'T': its process is stopped. It is the launcher's child.
  char state() const {
    const auto said = podman::run(podman().command(
        {"inspect", "--type", "container", "--format", "{{.State.Pid}}", pod_ + "-server"}));
    if (!said || said->status != 0) return '?';
    const std::string launcher = said->out.substr(0, said->out.find('\n'));
    const std::string child = read(fmt::format("/proc/{0}/task/{0}/children", launcher));
    const std::string stat = read(fmt::format("/proc/{}/stat", child.substr(0, child.find(' '))));
    const std::size_t name_ends = stat.rfind(") ");
    return name_ends == std::string::npos ? '?' : stat.at(name_ends + 2);
  }
  std::string last_line() const { return podman().logs(pod_ + "-server", 1).value_or(""); }

  std::string pod_;
  Told told_;

 private:
  Keys hub_keys_, keys_;
  std::unique_ptr<hub::Hub> hub_;
};

TEST_F(Injected, ADeploymentIsMeasuredPausedAndResumed) {
  ASSERT_NO_FATAL_FAILURE(play_deployment(65532));
  EXPECT_TRUE(eventually([&] {
    return sample("process_cpu_user_seconds_total") > 0 &&
           sample("process_resident_memory_bytes") > 1 << 20;
  })) << testing::PrintToString(told_.with([](Told& told) { return told.samples; }));
  told_.with([](Told& told) {
    EXPECT_EQ(told.sidecar.user, "team");
    EXPECT_EQ(told.workload->id.step, "server");
  });

  const protocol::Outcome paused = order("pause");
  EXPECT_EQ(paused.outcome, "DONE") << paused.message;
  EXPECT_THAT(paused.evidence, HasSubstr("SIGSTOP"));
  EXPECT_TRUE(eventually([&] { return state() == 'T'; })) << state();
  const std::string last = last_line();
  const protocol::Outcome resumed = order("resume");
  EXPECT_EQ(resumed.outcome, "DONE") << resumed.message;
  EXPECT_THAT(state(), AnyOf('R', 'S'));
  EXPECT_TRUE(eventually([&] { return last_line() != last; })) << "it does not run on";
  EXPECT_THAT(last_line(), StartsWith("turn "));
}

TEST_F(Injected, ADeploymentThatRunsAsRootIsMeasuredAndWhatCannotBeDoneToItIsSaid) {
  ASSERT_NO_FATAL_FAILURE(play_deployment(0));
  EXPECT_TRUE(eventually([&] { return sample("process_cpu_user_seconds_total") > 0; }))
      << testing::PrintToString(told_.with([](Told& told) { return told.samples; }));
  for (const char* primitive : {"pause", "throttle", "terminate"}) {
    const protocol::Outcome outcome = order(primitive, {{"share", 0.5}});
    EXPECT_EQ(outcome.outcome, "UNSUPPORTED") << primitive << ": " << outcome.message;
    EXPECT_THAT(outcome.message, HasSubstr("same user")) << primitive;
  }
  EXPECT_THAT(state(), AnyOf('R', 'S'));
}

}  // namespace
}  // namespace scanflow::test
