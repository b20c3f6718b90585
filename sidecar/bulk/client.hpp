// The sidecar's side of bulk: what it fetches from the hub, and stores there, a few at a time; each goes on
// where it was after whatever breaks. Touches the files that it is told of, but no socket, no clock and
// no thread. sidecar/protocol/README.md ("Bulk") has the rules.
//
// Use: hand in what arrives, then send what poll() gives; call it again at wake_us() at the latest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/bulk/hasher.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::bulk {

class Client {
 public:
  using Number = std::uint64_t;  // of a transfer
  /// Told once, within receive() and poll(). Of a fetch: empty. Of what was stored: its digest; of a log:
  /// empty.
  using Done = std::function<void(Result<std::string>)>;

  struct Identity {
    std::string pod_uid, boot_id;
  };

  Client(Identity identity, MakeHasher hasher);
  ~Client();

  /// object: "file", "executable" or "tree". `path` is absolute, and there as soon as all of it has come
  /// and has this digest, read-only.
  Number fetch(const std::string& object, const std::string& sha256, std::string path, Done done);
  /// The file must stay as it is until it is done. `name`: of the attempt's things.
  Number store(const protocol::AttemptId& id, const std::string& object, const std::string& name,
               std::string path, Done done);
  /// A file that gets longer: from `offset` on, until end_log() says how many bytes there are from there.
  Number store_log(const protocol::AttemptId& id, const std::string& name, std::string path,
                   std::uint64_t offset, Done done);
  void end_log(Number log, std::uint64_t length);
  /// Nobody wants it any more; nothing is told of it.
  void cancel(Number transfer);

  /// One message. An error: it is malformed, and was ignored.
  Result<void> receive(std::string_view bytes, std::int64_t now_us);
  /// What is to be sent now, in order; `now_us`: a monotonic clock.
  std::vector<std::string> poll(std::int64_t now_us);
  /// When poll() has something to do next, if nothing happens before; far away where nothing moves.
  std::int64_t wake_us(std::int64_t now_us) const;
  bool idle() const { return transfers_.empty(); }

 private:
  struct Transfer;
  using TransferPtr = std::unique_ptr<Transfer>;

  Number add(TransferPtr transfer);
  void begin(std::int64_t now_us);
  Result<void> open(Transfer& transfer);
  void advance(Transfer& transfer, std::int64_t now_us);
  Result<void> send_some(Transfer& transfer);
  void say(protocol::Body body);
  void take(Transfer& transfer, const protocol::Chunk& chunk, std::int64_t now_us);
  Result<void> complete(Transfer& transfer);
  void finish(Number number, Result<std::string> how);

  const Identity identity_;
  const MakeHasher hasher_;
  std::map<Number, TransferPtr> transfers_;
  Number last_ = 0;
  std::uint64_t seq_ = 0;
  std::vector<std::string> outgoing_;
  std::size_t chunks_ = 0;  // that this poll() has said
};

}  // namespace scanflow::bulk
