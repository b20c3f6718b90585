// Pods of a Kubernetes cluster, in one namespace. What the cluster says of them comes by a watch; calls to its
// API block, so they are made on threads of their own. What is known of Pods belongs to the engine's strand.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/backend/pod_cluster.hpp"
#include "engine/backend/pod_driver.hpp"
#include "engine/kube/client.hpp"
#include "engine/kube/pod_status.hpp"
#include "engine/kube/watcher.hpp"

namespace scanflow::backend {

struct KubernetesOptions {
  kube::Whereabouts where;
  std::string name_space;  // empty: the context's
  std::string advertise;   // by which Pods reach this engine's machine
  kube::Client::Means means = kube::Client::usual();
  /// How long the cluster may try to get an image, or to find a node with room.
  std::int64_t image_patience_us = 120'000'000, room_patience_us = 600'000'000;
};

class KubernetesDriver final : public PodDriver {
 public:
  /// `state`: of the label by which Pods are known as ours. The events come on `strand`, as do the answers.
  KubernetesDriver(KubernetesOptions options, std::string state, boost::asio::io_context& strand,
                   Events events);
  /// Waits for removals that were asked for; whatever else is under way is broken off.
  ~KubernetesDriver() override;

  void open(std::function<void(Result<std::vector<std::string>>)> then) override;
  std::string host() const override { return options_.advertise; }
  PodTraits traits() const override { return {.native_sidecars = native_, .secrets = true}; }
  std::string node(const std::string& pod) const override;
  void find_address(const std::string& pod, std::function<void(Result<std::string>)> then) override;
  void make(PodOrder order, std::function<void(std::optional<NotMade>)> then) override;
  void remove(const std::string& pod) override;
  /// The kubelet does so by itself.
  void revive(const std::string&, const std::string&) override {}

 private:
  struct Pod {
    enum class Stage { creating, waiting, made } stage = Stage::creating;
    std::optional<PodOrder> order;                     // until it is created
    std::function<void(std::optional<NotMade>)> then;  // until it runs
    std::string uid, node;
    std::int64_t made_us = 0;   // when the server said that it is there
    std::int64_t since_us = 0;  // it waits
    std::int64_t again_us = 0;  // when it is created again, which a quota forbade; 0: it is not
    int refused = 0;            // by a quota, how often
    std::optional<kube::Trouble> trouble;  // that may pass
    std::optional<kube::PodStatus> early;  // seen before its creation was answered: the last, and
    std::string gone;                      // the uid of one that went by then
    std::map<std::string, int> told;       // containers whose end was told: after how many restarts
  };
  struct Created {
    std::string uid;
    std::int64_t made_us = 0;
    std::optional<kube::Failure> failure;
    std::string asked;  // what failed
  };

  Result<std::vector<std::string>> open_now();
  void watch();
  void create(const std::string& pod);
  static Created not_created(kube::Failure failure, std::string asked);
  Created create_now(const std::string& pod, PodOrder order);
  Created adopt(const std::string& pod, const std::string& hash);
  void on_created(const std::string& pod, const Created& created);
  void on_listed(const std::vector<kube::PodStatus>& all, std::int64_t begun_us);
  void on_status(const kube::PodStatus& status);
  void on_gone(const std::string& pod, const std::string& uid = {});
  void on_waiting(const std::string& name, Pod& pod, const kube::PodStatus& status);
  void tell_ends(Pod& pod, const kube::PodStatus& status);
  void tell_with_last_words(ContainerEnd end);
  void not_made(const std::string& pod, NotMade why);
  void begin_removal(const std::string& pod, const std::string& uid);
  void remove_now(const std::string& pod, std::string uid);
  void arm();
  void look_after(std::int64_t now_us);
  void post(std::function<void()> call);

  KubernetesOptions options_;
  const std::string state_;
  boost::asio::io_context& strand_;
  const Events events_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::stop_source stop_;
  // Set once, before anything else is asked.
  std::shared_ptr<kube::Client> client_;
  bool native_ = true;
  ClusterOwner owner_;
  std::unique_ptr<kube::Watcher> watcher_;
  // Of the strand.
  std::map<std::string, Pod> pods_;
  std::set<std::string> removing_;  // that the server was, or is about to be, told to delete
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::mutex mutex_;
  std::map<std::string, bool> creating_;  // just now; true: to be removed as soon as it is there
  boost::asio::thread_pool pool_{8};
};

}  // namespace scanflow::backend
