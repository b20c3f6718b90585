// A replica as a Pod of podman: it is made, told its versions by its sidecar, and ready when it says so. Where one of its
// containers ends, it is over. Private to PodmanPods.
#pragma once

#include <condition_variable>
#include <memory>
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
  std::optional<std::future<Result<json>>> set_versions(
      const std::string& node, const std::vector<infer::VersionDocument>& versions) override;

  const serve::ServiceName& service() const { return service_; }
  /// One of its containers is gone. [any-thread]
  void ended(const std::string& container, int exit_code);
  /// Writes what it has said until now to its log. Blocks. [any-thread]
  void save_log() const;

 private:
  void live();
  Result<void> become_ready();
  Result<void> tell_versions();
  Result<Crew::Answer> tell(const json& traffic);
  bool goes_on();
  void pause();
  std::string how_it_ended(const Result<void>& ready);
  std::string last_words() const;
  void wake();

  PodmanPods& pods_;
  const serve::ServiceName service_;
  const std::string pod_;
  const serve::InstanceOrder order_;
  const UniqueFd wake_;  // readable: there is news
  std::stop_source killed_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  News news_;
  std::optional<std::string> end_;  // of one of its containers
  bool ends_ = false;               // it was asked to
  std::thread thread_;
};

}  // namespace scanflow::services
