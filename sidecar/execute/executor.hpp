// Does what commands and local rules ask, each once: the life of a primitive from the journal to its
// outcome. No thread, no clock, no process: Hands has the effects, the time is handed in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/execute/hold.hpp"
#include "sidecar/execute/journal.hpp"
#include "sidecar/execute/steering.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::execute {

struct Now {
  std::int64_t mono_us = 0;
  std::int64_t wall_us = 0;  // since 1970 UTC
};

/// What the executor has done to attempts.
class Hands {
 public:
  virtual ~Hands() = default;
  /// Why a signal was not sent.
  struct Unsent {
    bool forbidden = false;  // they are another user's, and stay so; else they are gone
    std::string message;
  };
  using Sent = tl::expected<void, Unsent>;
  /// To all processes of the attempt. 0: nothing is sent, but it is known whether it could be.
  virtual Sent signal(const protocol::AttemptId& attempt, int signal) = 0;
  /// To its first process alone: others of it may not know this signal, and die of it.
  virtual Sent signal_leader(const protocol::AttemptId& attempt, int signal) = 0;
  /// Tells the step, or with a name that begins with '$' its launcher; Executor::answered follows. An
  /// error: nobody is there to be told.
  virtual Result<void> ask(const protocol::AttemptId& attempt, std::uint64_t call,
                           const std::string& name, const std::string& arguments) = 0;
  /// A JSON object of how it is.
  virtual nlohmann::json dump(const protocol::AttemptId& attempt) = 0;
  struct File {
    std::uint64_t bytes = 0;
    std::int64_t changed_us = 0;  // wall clock, as coarse as the kernel's for files
    std::uint64_t inode = 0;
    bool operator==(const File&) const = default;
  };
  /// Something of the engine's store.
  struct Wanted {
    std::string sha256;
    bool directory = false;
  };
  /// Brings it where the attempt can read it; Executor::brought follows, within this or later. An
  /// error: nothing can be brought here.
  virtual Result<void> bring(std::uint64_t call, const std::vector<Wanted>& files) = 0;
  /// As the attempt sees the path; nothing: it is not there.
  virtual std::optional<File> look_at(const protocol::AttemptId& attempt,
                                      const std::string& path) = 0;
};

class Executor {
 public:
  struct Events {
    /// To be kept until the hub has it.
    std::function<void(const protocol::Outcome&)> ended;
    /// For the log: what it does by itself.
    std::function<void(const std::string&)> say;
  };

  /// All outlive it. Goes on with what a predecessor left in the journal.
  Executor(Journal& journal, Hands& hands, Events events, Now now);

  /// Of the hub. When this returns, it is in the journal: it may be acknowledged. An error: the
  /// journal cannot be written; it is to be told again.
  Result<void> command(const protocol::Command& command, Now now);
  /// Of a rule of this side; `why` goes into the evidence of its outcome.
  void act(const protocol::AttemptId& attempt, const std::string& primitive,
           const nlohmann::json& why, Now now);
  /// The answer to Hands::ask.
  void answered(std::uint64_t call, const std::string& outcome, const std::string& value, Now now);
  /// What Hands::bring was to bring: the paths, by digest.
  void brought(std::uint64_t call, const Result<std::map<std::string, std::string>>& paths,
               Now now);

  void add(const protocol::AttemptId& attempt, Steering steering, Now now);
  /// The names of what it lets one do.
  void offers(const protocol::AttemptId& attempt, std::vector<std::string> names);
  /// It has ended; `how`: in words.
  void remove(const protocol::AttemptId& attempt, const std::string& how, Now now);
  /// Is an engine there? What holds an attempt back ends where none is.
  void watched(bool watched, Now now);

  /// What is due. Call it at wake_us() at the latest (monotonic).
  void tick(Now now);
  std::int64_t wake_us(Now now) const;

  /// null: it is not here.
  const Hold* hold(const protocol::AttemptId& attempt) const;
  bool is_offered(const protocol::AttemptId& attempt, const std::string& name) const;

 private:
  using json = nlohmann::json;

  struct Workload {
    protocol::AttemptId id;
    Steering steering;
    std::vector<std::string> offered;
    Hold hold;
    bool to_be_resumed = false;                   // a predecessor held it
    std::map<std::string, std::uint64_t> latest;  // generation, by group
  };

  struct Task {
    protocol::Command command;
    std::int64_t deadline_us = 0;  // monotonic
    std::int64_t told_us = 0;      // monotonic
    std::int64_t started_us = 0;   // wall clock; 0: not yet
    enum { waiting, bringing, asked, file, ending } stage = waiting;
    std::uint64_t call = 0;
    std::int64_t kill_us = Hold::kNever;  // monotonic
    std::int64_t look_us = 0;             // monotonic: when the file is looked at next
    std::optional<Hands::File> before;    // the file as it was when it was asked
    std::optional<Hands::File> seen;      // ... as it was the last time
    json why;                             // of a rule; null: a command
    json arguments;
  };

  void take(protocol::Command command, json why, Now now);
  void begin(Task& task, Workload& workload, Now now);
  bool take_turn(Task& task, Workload& workload, Now now);
  void finish(Task& task, const std::string& outcome, const std::string& message,
              const json& evidence, Now now);
  void report(const Task& task, const std::string& outcome, const std::string& message,
              const json& evidence, Now now) const;
  void time_out(Task& task, Now now);

  using Perform = void (Executor::*)(Task&, Workload&, Now);
  static Perform performer_of(const std::string& primitive);
  void pause(Task& task, Workload& workload, Now now);
  void resume(Task& task, Workload& workload, Now now);
  void throttle(Task& task, Workload& workload, Now now);
  void checkpoint(Task& task, Workload& workload, Now now);
  void by_command(Task& task, Workload& workload, Now now);
  void set_traffic(Task& task, Workload& workload, Now now);
  void drain(Task& task, Workload& workload, Now now);
  void terminate(Task& task, Workload& workload, Now now);
  void restart(Task& task, Workload& workload, Now now);
  void exec_hook(Task& task, Workload& workload, Now now);
  void dump(Task& task, Workload& workload, Now now);

  void ask(Task& task, const std::string& name, const json& arguments, Now now);
  void done(Task& task, Workload& workload, json value, Now now);
  void look_for_file(Task& task, Workload& workload, Now now);
  void end_by_signal(Task& task, Workload& workload, std::int64_t grace_us, Now now);
  Result<Hold::Lease> lease_of(const Task& task, Hold::How how, Now now) const;
  Hands::Sent apply(Workload& workload, Now now);
  void unsent(Task& task, const Hands::Unsent& why, Now now);
  void release(Workload& workload, Now now);
  static bool is_offered(const Workload& workload, const std::string& name);
  Workload* find(const protocol::AttemptId& attempt);
  void ask_to_resume(const Workload& workload);

  Journal& journal_;
  Hands& hands_;
  const Events events_;
  std::map<protocol::AttemptId, Workload> workloads_;
  std::map<std::string, Task> tasks_;   // by command
  std::set<protocol::AttemptId> held_;  // by a predecessor
  std::uint64_t calls_ = 0;
  bool watched_ = false;
};

}  // namespace scanflow::execute
