// Services behind one address of this machine, whatever their replicas run in.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/runtime/state_directory.hpp"
#include "engine/services/place.hpp"
#include "engine/services/recent_latency.hpp"

namespace scanflow::services {

class FrontPlace : public Place {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::string listen;  // where clients ask, from the first service on
    std::function<void(const std::string& line)> log;  // [any-thread]
  };
  explicit FrontPlace(Options options) : options_(std::move(options)) {}
  /// Ends all of them: what is on its way is answered first.
  ~FrontPlace() override;

  Result<void> put(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                   const infer::ServiceDocument& document) override;
  Result<void> set_backup(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                          const std::optional<infer::ServiceDocument>& backup) override;
  Result<void> set_rules(const serve::ServiceName& name,
                         const pipeline::ServiceSpec& spec) override;
  Result<std::optional<std::int64_t>> set_versions(const serve::ServiceName& name,
                                                   const infer::NodeDocument& node) override;
  void remove(const serve::ServiceName& name) override;
  json describe(const serve::ServiceName& name) const override;
  json processes(const serve::ServiceName& name) const override;
  std::string logs(const serve::ServiceName& name) const override;

 protected:
  const Options& options() const { return options_; }
  void end_all();

 private:
  /// Before it is served: an error says why it cannot be.
  virtual Result<void> prepare(const serve::ServiceName& name,
                               const infer::ServiceDocument& document, bool backup) = 0;
  /// What its replicas run in (ReplicasOptions::program, or make).
  virtual void choose(const serve::ServiceName& name, serve::ReplicasOptions& replicas) = 0;
  Result<serve::ReplicasOptions> make_room(const serve::ServiceName& name);
  std::filesystem::path logs_of(const serve::ServiceName& name) const;
  std::shared_ptr<serve::Front> front() const;
  std::pair<serve::ServiceCounts, infer::Histogram> counted(const serve::Front& front,
                                                            const serve::ServiceName& name) const;

  const Options options_;
  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<serve::Front> front_;
  std::map<serve::ServiceName, std::filesystem::path> directories_;
  std::size_t made_ = 0;  // directories
  mutable std::map<serve::ServiceName, RecentLatency> latencies_;
};

}  // namespace scanflow::services
