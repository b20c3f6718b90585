// The hub's side of bulk: files to and from Pods, in pieces, as far as each side allows. It touches the
// files that its owner names, but no socket, no clock and no thread. sidecar/protocol/README.md ("Bulk")
// has the rules.
//
// Use: hand in what arrives, call tick() now and then and pump() until it says that there is no more; send
// what take_outgoing() gives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/hub/peer.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/bulk/hasher.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::hub {

/// What a sidecar may have and bring; asked on the thread that bulk is on.
struct BulkAccess {
  /// Is it known what this one may have? False: it will be soon, and is asked again then. Null: always.
  std::function<bool(const SidecarKey&)> knows;
  /// Where this object lies. An error: it is not there, or not for this sidecar.
  std::function<Result<std::filesystem::path>(const SidecarKey&, const protocol::Fetch&)> fetch;

  struct Place {
    std::filesystem::path path;  // where it is put, or goes on; of its own
    std::string sha256;          // not empty: it is in the store already, by this name
    std::uint64_t most = 0;      // bytes that are taken of it; 0: no such limit
  };
  std::function<Result<Place>(const SidecarKey&, const protocol::Store&)> store;
  /// All of it lies there, and has this digest (of a log: ""): it becomes the store's.
  std::function<Result<void>(const SidecarKey&, const protocol::Store&,
                             const std::filesystem::path&, const std::string& sha256)>
      stored;
};

struct BulkLimits {
  std::uint64_t window = 2u << 20;  // bytes of one transfer that may be on their way
  /// Stores that move at once, logs aside; and windows of all fetches together. Others wait for their turn.
  std::size_t active = 32;
  std::size_t of_one = 16;            // transfers of one sidecar
  std::size_t waiting = 10'000;       // all that are known, at most
  std::int64_t idle_us = 30'000'000;  // one that does not move for so long is dropped
};

class Bulk {
 public:
  using Odd = std::function<void(const std::string& what)>;

  /// boot_id, term: as of the hub. odd: something that should not be.
  Bulk(std::string boot_id, std::uint64_t term, BulkLimits limits, BulkAccess access, Odd odd);
  ~Bulk();

  void receive(const Peer& peer, std::string_view bytes, std::int64_t now_us);
  /// Reads a few pieces that may be sent. True: there are more.
  bool pump();
  void tick(std::int64_t now_us);
  std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  /// The transport cannot reach it any more.
  void disconnected(const std::string& routing_id);

  /// Transfers that are known: each has a file open.
  std::size_t transfers() const { return downloads_.size() + uploads_.size(); }

 private:
  struct Download;
  struct Upload;
  using Key = std::pair<SidecarKey, std::uint64_t>;  // whose, and its number
  template <typename T>
  using Transfers = std::map<Key, std::unique_ptr<T>>;

  void fetch(const Peer& peer, const SidecarKey& of, const protocol::Fetch& fetch,
             std::int64_t now_us);
  void store(const Peer& peer, const SidecarKey& of, const protocol::Store& store,
             std::int64_t now_us);
  static tl::expected<std::unique_ptr<Upload>, std::error_code> open(
      const protocol::Store& store, const BulkAccess::Place& place);
  void chunk(const Peer& peer, const SidecarKey& of, const protocol::Chunk& chunk,
             std::int64_t now_us);
  void sealed(const Peer& peer, const SidecarKey& of, const protocol::Sealed& sealed,
              std::int64_t now_us);
  bool is_full(const SidecarKey& of) const;
  void next_uploads();
  bool room_for_upload() const;
  void say(const Peer& peer, const SidecarKey& to, protocol::Body body);
  void refuse(const Peer& peer, const SidecarKey& to, std::uint64_t transfer, std::string why,
              bool again = false);

  const std::string boot_id_;
  const std::uint64_t term_;
  const BulkLimits limits_;
  const BulkAccess access_;
  const Odd odd_;
  Transfers<Download> downloads_;
  Transfers<Upload> uploads_;
  Key turn_;  // of the download that was read last
  std::uint64_t seq_ = 0;
  std::vector<Outgoing> outgoing_;
};

}  // namespace scanflow::hub
