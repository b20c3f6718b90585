// The sidecar's side of its session with the hub: what it says, and when. Pure: no socket, no clock,
// no thread. sidecar/protocol/README.md has the rules.
//
// Use: hand in what arrives, then send what poll() gives; call it again at wake_us() at the latest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/link/telemetry.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::link {

/// What must not be lost: kept, and numbered without gaps, until the hub has it.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual const std::string& spool() const = 0;
  /// The oldest that the hub does not have; and one behind the last. Equal: nothing waits.
  virtual std::uint64_t first() const = 0;
  virtual std::uint64_t end() const = 0;
  /// An encoded message.
  virtual std::string read(std::uint64_t number) = 0;
  /// The hub has all up to this one.
  virtual void forget(std::uint64_t number) = 0;
};

/// What the session tells its owner; called within receive() and poll().
struct SessionEvents {
  std::function<void(const protocol::Welcome&)> begun;
  /// The hub was not heard for as long as the lease says, or refused this sidecar: whatever holds
  /// only as long as somebody watches it (a pause) ends. Not where another hub took over in time.
  std::function<void()> ended;
  /// To be written into the journal; then answered by Session::received.
  std::function<void(const protocol::Command&)> command;
  /// What the Pod shall do: Launch, Cancel, HostReply, Shutdown. Said again in each session, as far as
  /// it still holds.
  std::function<void(const protocol::Body&)> order;
  /// The hub speaks another version, or does not want this sidecar: why.
  std::function<void(const std::string&)> rejected;
  /// Hello's token, which may be another one each time; null: there is none.
  std::function<std::string()> token;
};

class Session {
 public:
  struct Identity {
    std::string pod_uid;
    std::string boot_id;    // of this process
    protocol::Hello hello;  // what it says of itself
  };

  /// All but `identity` outlive it.
  Session(Identity identity, TelemetryRing& telemetry, Outbox& outbox, SessionEvents events);

  /// One message. An error: it is malformed, and was ignored.
  Result<void> receive(std::string_view bytes, std::int64_t now_us);
  /// A command is in the journal, or was already.
  void received(const std::string& command) {
    received_.push_back(command);
    last_command_ = command;
  }
  /// To be said once in this session: Started, Offers. Lost where none is open; said anew when one has
  /// begun.
  void tell(protocol::Body body) {
    if (open_) told_.push_back(std::move(body));
  }
  /// What is to be sent now, in order; `now_us`: a monotonic clock.
  std::vector<std::string> poll(std::int64_t now_us);
  /// When poll() has something to say next, if nothing happens before.
  std::int64_t wake_us() const;
  /// Says goodbye with the next poll().
  void leave(const std::string& reason) { goodbye_ = reason; }

  bool open() const { return open_; }
  std::uint64_t term() const { return term_; }  // the highest that was seen
  /// Messages that were ignored: malformed, of an older term, told twice.
  std::uint64_t ignored() const { return ignored_; }

 private:
  void begin(const protocol::Welcome& welcome, const protocol::Header& header, std::int64_t now_us);
  void end();
  void say(std::vector<std::string>& out, protocol::Body body, std::int64_t now_us);
  void greet(std::vector<std::string>& out, std::int64_t now_us);
  void deliver(std::vector<std::string>& out, std::int64_t now_us);
  void send_telemetry(std::vector<std::string>& out, std::int64_t now_us);
  std::int64_t greeting_wait_us() const;

  const Identity identity_;
  TelemetryRing& telemetry_;
  Outbox& outbox_;
  const SessionEvents events_;

  bool open_ = false;
  bool lapsed_ = false;  // open, but the hub knows nothing of it: greets, and says nothing else
  std::string hub_;      // its boot id
  protocol::Welcome terms_;
  std::uint64_t term_ = 0;
  std::uint64_t seq_ = 0;              // of what was sent last
  std::uint64_t handled_ = 0;          // the hub's highest number in this session
  std::uint64_t credit_ = 0;           // samples that may have been sent in this boot
  std::uint64_t sent_up_to_ = 0;       // the last delivery that was sent in this session
  std::int64_t resend_us_ = 0;         // when deliveries are sent again
  std::int64_t heard_us_ = 0;          // from the hub
  std::int64_t beat_us_ = 0;           // when Heartbeat is said next
  std::int64_t greet_us_ = 0;          // when Hello is said next
  std::uint32_t greetings_ = 0;        // in a row without an answer
  std::vector<std::string> received_;  // commands, to be told
  std::vector<protocol::Body> told_;
  std::string last_command_;
  std::optional<std::string> goodbye_;
  std::uint64_t ignored_ = 0;
};

}  // namespace scanflow::link
