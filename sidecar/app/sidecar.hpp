// The sidecar: collects, executes, and links, on one thread. main.cpp reads the configuration.
#pragma once

#include <zmq.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sidecar/admin/admin.hpp"
#include "sidecar/app/attempts.hpp"
#include "sidecar/app/config.hpp"
#include "sidecar/app/launchers.hpp"
#include "sidecar/app/pod_work.hpp"
#include "sidecar/collect/collector.hpp"
#include "sidecar/execute/executor.hpp"
#include "sidecar/execute/journal.hpp"
#include "sidecar/link/dealer.hpp"
#include "sidecar/link/session.hpp"
#include "sidecar/link/spool.hpp"
#include "sidecar/loop/loop.hpp"

namespace scanflow::sidecar {

class Sidecar {
 public:
  /// Opens all that it needs; an error says what it lacks.
  static Result<std::unique_ptr<Sidecar>> open(Config config);
  ~Sidecar();
  /// Until SIGTERM, or nobody needs it any more.
  void run();

 private:
  explicit Sidecar(Config config);
  Result<void> lock();
  Result<void> open_parts();
  void open_session();
  void open_pod_work();
  /// Null: its Pod is not the engine's.
  relay::Relay* relay() const;

  // --- what launchers say
  void on_message(Launchers::Id launcher, protocol::Body& body);
  void on_started(Launchers::Id launcher, const protocol::Started& started);
  void on_offers(const protocol::Offers& offers);
  void on_ended(Launchers::Id launcher, protocol::Result result);
  void on_gone(Launchers::Id launcher);
  void forget(const protocol::AttemptId& id, const std::string& how);

  // --- the hub
  void begin_session(const protocol::Welcome& welcome);
  void tell_of(const Attempts::Attempt& attempt);
  void deliver(protocol::Body body);

  // --- time
  void before_wait();
  void sample();
  void leave_if_alone(std::int64_t now_us);
  void drain(const std::string& why);
  bool drained(std::int64_t now_us) const;
  std::string metrics() const;

  const Config config_;
  const std::string boot_id_;
  UniqueFd lock_;  // of the directory; let go last
  Loop loop_;
  zmq::context_t context_;
  link::TelemetryRing telemetry_;
  collect::Collector collector_;
  Attempts attempts_;
  std::unique_ptr<link::Spool> spool_;
  std::unique_ptr<execute::Journal> journal_;
  std::unique_ptr<execute::Executor> executor_;
  std::unique_ptr<link::Session> session_;
  std::unique_ptr<link::Dealer> dealer_;
  std::unique_ptr<Launchers> launchers_;
  std::unique_ptr<PodWork> pod_work_;    // null: the Pod is not the engine's
  std::set<Launchers::Id> deliver_for_;  // results and metrics have no other way
  std::unique_ptr<Admin> admin_;
  Loop::Watch hub_ready_, timer_, terminate_, interrupt_;
  std::int64_t sample_us_ = 0;       // how often
  std::int64_t sample_at_us_ = 0;    // next
  std::int64_t trim_at_us_ = 0;      // when unused memory is given back; 0: there is none
  std::int64_t alone_since_us_ = 0;  // 0: a launcher is there
  std::int64_t drain_until_us_ = 0;  // 0: it goes on
  std::string problem_;              // of the spool, that was said
};

}  // namespace scanflow::sidecar
