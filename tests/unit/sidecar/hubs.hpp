// What tests of the real sidecar share: hubs that come and go, and processes as /proc shows them.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/hub/hub.hpp"
#include "tests/support/program.hpp"
#include "tests/support/seconds.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

inline const std::string kBin = std::string(SCANFLOW_BINARY_DIR) + "/bin/";

/// The state of a process as /proc tells it: 'R', 'S', 'T' where it is stopped; 0: it is gone.
inline char state_of(pid_t pid) {
  const std::string stat = read(fmt::format("/proc/{}/stat", pid));
  const std::size_t end = stat.rfind(')');
  return end == std::string::npos ? '\0' : stat.at(end + 2);
}

/// A hub, and what its owner would know. One hub after the other, as engines come and go.
class Hubs {
 public:
  /// bulk: what Pods fetch and store; nothing: no files are moved.
  explicit Hubs(std::string path, std::string pod = "local",
                std::optional<hub::BulkAccess> bulk = {})
      : path_(std::move(path)), pod_(std::move(pod)), bulk_(std::move(bulk)) {
    start();
  }

  std::string endpoint() const { return "ipc://" + path_; }
  std::string bulk_endpoint() const { return "ipc://" + path_ + ".bulk"; }
  void stop() { hub_.reset(); }
  void start() {
    hub::HubOptions options;
    options.term = ++term_;
    options.boot_id = fmt::format("hub-{}", term_);
    options.ipc = path_;
    options.bulk = bulk_;
    options.bulk_ipc = path_ + ".bulk";
    options.limits.lease_us = kSecond;
    options.limits.heartbeat_us = kSecond / 5;
    options.limits.sample_us = kSecond / 10;
    auto begun = hub::Hub::start(options, events());
    if (!begun) throw std::runtime_error(begun.error().message);
    hub_ = std::move(*begun);
  }
  /// To its Pod, also in each session that begins later.
  void order(protocol::Body body) {
    const std::lock_guard lock(mutex_);
    orders_.push_back(body);
    tell(std::move(body));
  }
  void tell(protocol::Body body) {
    if (!hub_) return;
    hub_->post([this, body = std::move(body)](hub::Core& core, std::int64_t now_us) {
      (void)core.tell({"local", pod_}, body, now_us);
    });
  }
  /// Sends it, and gives its id.
  std::string send(const std::string& primitive,
                   const nlohmann::json& arguments = nlohmann::json::object(),
                   const std::string& step = "step") {
    protocol::Command command;
    command.generation = ++commands_;
    command.id = fmt::format("c{}", commands_);
    command.target = {"run", step, 1};
    command.primitive = primitive;
    command.arguments = arguments.dump();
    command.deadline_us = 20 * kSecond;
    hub_->post([this, command](hub::Core& core, std::int64_t now_us) {
      (void)core.command({"local", pod_}, command, now_us);
    });
    return command.id;
  }
  /// Waits for it; "" where none comes.
  protocol::Outcome outcome(const std::string& id) {
    protocol::Outcome found;
    eventually([&] {
      const std::lock_guard lock(mutex_);
      const auto known = outcomes_.find(id);
      if (known == outcomes_.end()) return false;
      found = known->second;
      return true;
    });
    return found;
  }
  protocol::Outcome ask(const std::string& primitive,
                        const nlohmann::json& arguments = nlohmann::json::object()) {
    return outcome(send(primitive, arguments));
  }
  template <class Condition>
  bool sees(Condition condition) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return condition(*this);
    });
  }

  std::vector<std::string> boots;
  std::vector<protocol::Started> started;
  std::string offers;
  std::map<std::string, double> latest;  // by series
  std::multiset<std::string> names;
  std::map<std::string, int> outcomes_told;
  std::vector<protocol::Outcome> of_rules;
  std::vector<protocol::Result> results;
  std::vector<protocol::Metric> metrics;
  std::vector<protocol::HostCall> calls;
  double progress = -1;
  std::string said;  // with the last progress

 private:
  hub::HubEvents events() {
    hub::HubEvents all;
    all.attached = [this](const hub::SidecarKey&, const protocol::Hello& hello) {
      const std::lock_guard lock(mutex_);
      boots.push_back(std::to_string(hello.pid));
      for (const protocol::Body& each : orders_) tell(each);
    };
    all.workload = [this](const hub::SidecarKey&, const protocol::Started& body) {
      const std::lock_guard lock(mutex_);
      started.push_back(body);
    };
    all.said = [this](const hub::SidecarKey&, const protocol::Body& body) {
      const std::lock_guard lock(mutex_);
      if (const auto* call = std::get_if<protocol::HostCall>(&body)) calls.push_back(*call);
      if (const auto* some = std::get_if<protocol::Progress>(&body)) {
        progress = some->fraction;
        said = some->message;
      }
    };
    all.offers = [this](const hub::SidecarKey&, const protocol::Offers& body) {
      const std::lock_guard lock(mutex_);
      offers = body.commands;
    };
    all.series = [this](const hub::SidecarKey&, const protocol::Series& series) {
      const std::lock_guard lock(mutex_);
      series_.push_back(series.name);
      return series_.size();
    };
    all.samples = [this](std::span<const hub::Sample> samples) {
      const std::lock_guard lock(mutex_);
      for (const hub::Sample& sample : samples)
        latest[series_.at(sample.series - 1)] = sample.value;
    };
    all.delivery = [this](const hub::SidecarKey& from, std::uint64_t number,
                          const protocol::Message& message) {
      {
        const std::lock_guard lock(mutex_);
        if (const auto* body = std::get_if<protocol::Outcome>(&message.body)) {
          outcomes_.emplace(body->id, *body);
          ++outcomes_told[body->id];
          if (body->id.starts_with("rule-")) of_rules.push_back(*body);
        } else if (const auto* result = std::get_if<protocol::Ended>(&message.body)) {
          results.push_back(result->result);
        } else if (const auto* metric = std::get_if<protocol::Metric>(&message.body)) {
          metrics.push_back(*metric);
        }
      }
      hub_->post([from, number](hub::Core& core, std::int64_t now_us) {
        core.delivered(from, number, now_us);
      });
    };
    return all;
  }

  const std::string path_, pod_;
  const std::optional<hub::BulkAccess> bulk_;
  std::vector<protocol::Body> orders_;
  std::uint64_t term_ = 0;
  std::uint64_t commands_ = 0;
  std::mutex mutex_;
  std::vector<std::string> series_;
  std::map<std::string, protocol::Outcome> outcomes_;
  std::unique_ptr<hub::Hub> hub_;
};

}  // namespace scanflow::test
