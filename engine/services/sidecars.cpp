#include "engine/services/sidecars.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "engine/services/pod_manifests.hpp"

namespace scanflow::services {
namespace {

constexpr std::chrono::milliseconds kEnrolWithin{20'000}, kAskEngine{50};

/// What an engine says of a primitive; none: that is not the end of it.
std::optional<Crew::Answer> answer_of(const json& update) {
  const std::string type = update.value("type", "");
  if (type == "rejected" && update.value("reason", "") == "not_found")
    return Crew::Answer{.message = "its sidecar has not reached the hub yet"};
  if (type == "rejected" || type == "closing")
    return Crew::Answer{.message = update.value("message", "the engine ends")};
  if (type != "done") return std::nullopt;
  const json& command = update.at("command");
  Crew::Answer answer;
  answer.done = command.at("outcome") == "DONE";
  answer.refused = command.at("evidence").value("refused", false);
  answer.message = command.value("message", "");
  answer.switched_us = command.at("evidence").value("switched_us", std::int64_t{0});
  return answer;
}

}  // namespace

void Sidecars::forget_engine() {
  const std::lock_guard lock(mutex_);
  engine_ = nullptr;
}

Result<Sidecars::Enrolled> Sidecars::enrol(const std::string& name_space) {
  return wait_for_hub(
      [&](runtime::Engine& engine, Then then) { engine.enrol(name_space, std::move(then)); });
}

Result<Sidecars::Enrolled> Sidecars::admit(const std::string& name_space, const std::string& pod) {
  return wait_for_hub([&](runtime::Engine& engine, Then then) {
    engine.admit_pod(name_space, pod, std::move(then));
  });
}

Result<Sidecars::Enrolled> Sidecars::wait_for_hub(
    const std::function<void(runtime::Engine&, Then)>& ask) {
  const auto promise = std::make_shared<std::promise<Result<Enrolled>>>();
  auto answer = promise->get_future();
  const auto patience = std::chrono::steady_clock::now() + kEnrolWithin;
  for (bool asked = false; std::chrono::steady_clock::now() < patience; asked = true) {
    {
      const std::lock_guard lock(mutex_);
      if (engine_ == nullptr) return fail("the engine ends");
      if (!asked)
        ask(*engine_, [promise](const Result<Enrolled>& told) { promise->set_value(told); });
    }
    if (answer.wait_for(kAskEngine) != std::future_status::ready) continue;
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return fail("the engine ends");
    }
  }
  return fail("the hub does not listen yet");
}

void Sidecars::dismiss(const std::string& name_space, const std::string& pod) {
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) engine_->dismiss_pod(name_space, pod);
}

void Sidecars::lend(const std::string& name_space, const serve::ServiceName& name,
                    const std::vector<infer::NodeDocument>& nodes) {
  std::vector<protocol::Input> files;
  for (const infer::NodeDocument& node : nodes) {
    for (const infer::VersionDocument& version : node.versions) {
      if (!version.sha256.empty())
        files.push_back({node.node.name, "file", version.sha256, 0, version.directory});
    }
  }
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr)
    engine_->lend(name_space, "service " + serve::text_of(name), std::move(files));
}

void Sidecars::set_traffic(const std::string& pod_uid, const json& traffic,
                           const std::function<void(Crew::Answer)>& then) {
  runtime::PrimitiveRequest request;
  request.run = pod_uid;
  request.step = kServiceContainer;
  request.primitive = "set_traffic";
  request.arguments = traffic.dump();
  request.by = "services";
  runtime::Client client;
  client.listener = [then](const runtime::Update& update) {
    const auto answer = answer_of(*update);
    if (answer) then(*answer);
    return !answer;
  };
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) engine_->primitive(std::move(request), std::move(client));
}

const knowledge::Knowledge* Sidecars::recent() const {
  const std::lock_guard lock(mutex_);
  return engine_ == nullptr ? nullptr : engine_->recent();
}

}  // namespace scanflow::services
