// A real backend in directories of its own, and what it reported.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/backend/backend.hpp"
#include "tests/support/program.hpp"
#include "tests/support/strand.hpp"

namespace scanflow::backend {

using nlohmann::json;

class Harness {
 public:
  enum class Kind { local, inproc };
  explicit Harness(Kind kind = Kind::local);
  /// Ends the backend and whatever supervisor is left.
  ~Harness();

  // --- requests ---
  /// A command; `with` as in YAML, as JSON.
  protocol::Request command(const std::string& step, const json& with) const;
  protocol::Request script(const std::string& step, const std::string& text) const;
  /// A step of tests/support/plugins/behave.cpp.
  protocol::Request plugin(const std::string& step, const std::string& uses,
                           const json& with = json::object()) const;

  void launch(const protocol::Request& request);
  /// Launches it and waits for its end.
  protocol::Result run(const protocol::Request& request);

  // --- what was reported ---
  /// Waits for the attempt's end; throws after a deadline, which fails the test.
  protocol::Result result(const protocol::AttemptId& id);
  /// Waits for its Started, likewise; the pid.
  pid_t started(const protocol::AttemptId& id);
  /// The last Strays; nothing before there was one.
  std::optional<std::vector<protocol::AttemptId>> strays();
  std::vector<protocol::Metric> metrics(const protocol::AttemptId& id);
  /// The messages of its progress.
  std::vector<std::string> progress(const protocol::AttemptId& id);
  bool wait(const std::function<bool()>& condition);  // checked under the lock after each report
  /// The text of a log range.
  std::string log(const protocol::Result& result) const;

  /// A new engine: the old backend goes away as if its process had been killed, without a word.
  void forget_backend();
  void make_backend();

  /// The supervisor's process; 0: none.
  pid_t supervisor() const;
  /// The pid that a script writes to a file of files(), once it is there.
  pid_t pid_in(const std::string& file) const;
  /// Processes whose command line or environment mention this harness's directory.
  std::vector<pid_t> processes() const;

  std::filesystem::path state() const { return files_ / "state"; }
  const test::TempDir& files() const { return files_; }
  /// Each call runs on the strand, and returns when it has.
  Backend& backend() { return on_strand_; }
  int ends(const protocol::AttemptId& id);   // how many Ended it has had
  bool kept(const protocol::AttemptId& id);  // was it reported so, at some time?

  std::function<void(Backend&, const protocol::HostCall&)> on_call;

 private:
  struct Seen {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<protocol::AttemptId, protocol::Result> results;
    std::map<protocol::AttemptId, int> ends;
    std::map<protocol::AttemptId, protocol::Started> started;
    std::vector<protocol::Metric> metrics;
    std::vector<protocol::Progress> progress;
    std::vector<protocol::HostCall> calls;
    std::set<protocol::AttemptId> kept;
    std::optional<std::vector<protocol::AttemptId>> strays;
  };
  void take(std::vector<Report> reports);

  class OnStrand final : public Backend {
   public:
    explicit OnStrand(Harness& harness) : harness_(harness) {}
    void get_ready() override {}
    void survey() override {
      harness_.strand_.run([&] { harness_.backend_->survey(); });
    }
    void observe(const std::string& hub) override {
      harness_.strand_.run([&] { harness_.backend_->observe(hub); });
    }
    void launch(std::vector<RequestPtr> requests) override {
      harness_.strand_.run([&] { harness_.backend_->launch(std::move(requests)); });
    }
    void stop(const protocol::AttemptId& id, const std::string& reason) override {
      harness_.strand_.run([&] { harness_.backend_->stop(id, reason); });
    }
    void acknowledge(const protocol::AttemptId& id) override {
      harness_.strand_.run([&] { harness_.backend_->acknowledge(id); });
    }
    void forget(const std::vector<protocol::AttemptId>& ids) override {
      harness_.strand_.run([&] { harness_.backend_->forget(ids); });
    }
    void reply(const protocol::HostReply& reply) override {
      harness_.strand_.run([&] { harness_.backend_->reply(reply); });
    }

   private:
    Harness& harness_;
  };

  Kind kind_;
  test::TempDir files_;
  Options options_;
  Seen seen_;
  test::Strand strand_;
  std::unique_ptr<Backend> backend_;
  OnStrand on_strand_{*this};
};

/// Refuses what is no single process.
void send_signal(pid_t pid, int signal);
/// As in /proc: 'S' sleeps, 'T' is stopped, 'Z' is a zombie; 0: no such process.
char state_of(pid_t pid);
/// Is there such a process (a zombie is none)?
bool alive(pid_t pid);
/// 0: no such process.
pid_t parent_of(pid_t pid);
/// Those that are alive.
std::vector<pid_t> children_of(pid_t pid);

}  // namespace scanflow::backend
