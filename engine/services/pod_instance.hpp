// A replica as a Pod of podman: it is made, told its versions by its sidecar, and ready when it says so. Where one of its
// containers ends, it is over. Private to PodmanPods.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/serve/instance.hpp"
#include "engine/services/podman_pods.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::services {

class PodInstance final : public serve::Instance {
 public:
  /// Begins, on a thread of its own. `pods` outlive it.
  PodInstance(PodmanPods& pods, serve::ServiceName service, std::string pod,
              serve::InstanceOrder order);
  ~PodInstance() override;

  std::vector<int> descriptors() const override { return {wake_.get()}; }
  News look() override;
  void end() override;
  void kill() override;
  std::string pod() const override { return pod_; }
  /// Until its sidecar has said whether it has them, or for a minute: then it is over, as nobody knows what it has.
  std::optional<std::future<Result<json>>> set_versions(
      const std::string& node, const std::vector<infer::VersionDocument>& versions) override;

  const serve::ServiceName& service() const { return service_; }
  /// A container is gone; not necessarily one of this Pod: of an older one of its name. [any-thread]
  void ended(const std::string& container, const std::string& id, int exit_code);
  /// Writes what it has said until now to its log. Blocks. [any-thread]
  void save_log();

 private:
  struct Wish {
    json traffic;
    std::promise<Result<json>> answer;
  };
  struct End {
    std::string container;
    std::string how;
  };
  void live();
  Result<void> become_ready();
  Result<void> tell_versions();
  Result<Crew::Answer> tell(const json& traffic);
  Result<Crew::Answer> tell_once(const json& traffic);
  void grant(Wish wish);
  void look_at_containers();
  bool goes_on();
  void pause();
  std::string log_of(const std::string& container, unsigned lines) const;
  std::string words_of(const std::string& container) const;
  void wake();

  PodmanPods& pods_;
  const serve::ServiceName service_;
  const std::string pod_;
  const serve::InstanceOrder order_;
  const std::vector<std::string> containers_;  // that it needs
  const UniqueFd wake_;                        // readable: there is news
  std::stop_source killed_;
  std::chrono::steady_clock::time_point look_at_;  // its containers; of its thread alone
  std::mutex log_mutex_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  News news_;
  std::vector<std::string> ids_;  // of its containers
  std::optional<End> end_;        // of one of them
  bool ends_ = false;             // it was asked to
  std::deque<Wish> wishes_;
  std::thread thread_;
};

}  // namespace scanflow::services
