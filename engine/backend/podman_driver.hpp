// Pods by podman on this machine. Its calls block, so they are made on threads of its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/backend/pod_driver.hpp"
#include "engine/podman/podman.hpp"
#include "engine/podman/watch.hpp"

namespace scanflow::backend {

class PodmanDriver final : public PodDriver {
 public:
  /// `directory`: of podman's client alone. `state`: of the label by which Pods are known as ours. The
  /// events come on `strand`, as do the answers.
  PodmanDriver(std::filesystem::path directory, std::string state, boost::asio::io_context& strand,
               Events events);
  /// Waits for removals that were asked for; whatever else is under way is broken off.
  ~PodmanDriver() override;

  void open(std::function<void(Result<std::vector<std::string>>)> then) override;
  std::string host() const override { return podman::Podman::kHost; }
  /// Without root each Pod has a network of its own.
  PodTraits traits() const override { return {.meet = !podman_->facts().rootless}; }
  void find_address(const std::string& pod, std::function<void(Result<std::string>)> then) override;
  std::string node(const std::string&) const override {
    return podman_ ? podman_->facts().hostname : "";
  }
  void make(PodOrder order, std::function<void(std::optional<NotMade>)> then) override;
  void remove(const std::string& pod) override;
  void revive(const std::string& pod, const std::string& container) override;

 private:
  void on_event(const podman::Event& event);
  void tell_end(const podman::Event& event);
  void post(std::function<void()> call);
  void remove_now(const std::string& pod);

  const std::filesystem::path directory_;
  const std::string state_;
  boost::asio::io_context& strand_;
  const Events events_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::stop_source stop_;
  std::optional<podman::Podman> podman_;  // set once, before anything else is asked
  std::unique_ptr<podman::Watch> watch_;
  std::mutex mutex_;
  std::map<std::string, bool> making_;  // Pods; true: to be removed as soon as it is made
  boost::asio::thread_pool pool_{4};
};

}  // namespace scanflow::backend
