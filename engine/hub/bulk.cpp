#include "engine/hub/bulk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <variant>

#include "engine/hub/bulk_transfers.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::hub {
namespace {

/// Pieces that one pump() reads: then others have their turn.
constexpr int kPieces = 8;
constexpr const char* kNotYet = "the engine has just begun, and does not know yet what runs there";
constexpr const char* kTooMany = "too many transfers wait";
constexpr const char* kFull = "the engine's disk is full: artifacts and logs wait until it is not";

bool is_full_disk(const std::error_code& error) {
  return error == std::errc::no_space_on_device ||
         error == std::error_code(EDQUOT, std::generic_category());
}

/// Of one sidecar, in a map that is sorted by whose they are.
template <class Transfers>
std::size_t count_of(const SidecarKey& of, const Transfers& transfers) {
  const auto begin = transfers.lower_bound({of, 0});
  const auto end = transfers.upper_bound({of, ~std::uint64_t{0}});
  return static_cast<std::size_t>(std::distance(begin, end));
}

}  // namespace

Bulk::Bulk(std::string boot_id, std::uint64_t term, BulkLimits limits, BulkAccess access, Odd odd)
    : boot_id_(std::move(boot_id)),
      term_(term),
      limits_(limits),
      access_(std::move(access)),
      odd_(std::move(odd)) {}
Bulk::~Bulk() = default;

void Bulk::receive(const Peer& peer, std::string_view bytes, std::int64_t now_us) {
  const auto message = protocol::decode(bytes);
  if (!message) return odd_("malformed messages of bulk");
  if (!*message) return;  // of a newer version
  const SidecarKey of{peer.user, (*message)->header.pod_uid};
  const protocol::Body& body = (*message)->body;
  if (const auto* wanted = std::get_if<protocol::Fetch>(&body)) {
    fetch(peer, of, *wanted, now_us);
  } else if (const auto* offered = std::get_if<protocol::Store>(&body)) {
    store(peer, of, *offered, now_us);
  } else if (const auto* piece = std::get_if<protocol::Chunk>(&body)) {
    chunk(peer, of, *piece, now_us);
  } else if (const auto* end = std::get_if<protocol::Sealed>(&body)) {
    sealed(peer, of, *end, now_us);
  } else if (const auto* grant = std::get_if<protocol::Grant>(&body)) {
    const auto found = downloads_.find({of, grant->transfer});
    if (found == downloads_.end()) return;
    Download& download = *found->second;
    download.moved_us = now_us;
    download.file.grant(grant->taken, grant->allowed);
    if (grant->taken >= download.file.bytes()) downloads_.erase(found);
  } else if (const auto* refused = std::get_if<protocol::Refused>(&body)) {
    downloads_.erase({of, refused->transfer});
    uploads_.erase({of, refused->transfer});
    next_uploads();
  } else {
    odd_("messages that are none of bulk's");
  }
}

bool Bulk::is_full(const SidecarKey& of) const {
  return transfers() >= limits_.waiting ||
         count_of(of, downloads_) + count_of(of, uploads_) >= limits_.of_one;
}

// --- to Pods

void Bulk::fetch(const Peer& peer, const SidecarKey& of, const protocol::Fetch& fetch,
                 std::int64_t now_us) {
  const Key key{of, fetch.transfer};
  if (!downloads_.contains(key)) {
    if (is_full(of)) return refuse(peer, of, fetch.transfer, kTooMany, true);
    if (access_.knows && !access_.knows(of)) return refuse(peer, of, fetch.transfer, kNotYet, true);
    const auto path = access_.fetch(of, fetch);
    if (!path) return refuse(peer, of, fetch.transfer, path.error().message);
    UniqueFd file(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return refuse(peer, of, fetch.transfer, describe_errno("cannot open", *path, errno));
    struct stat status {};
    ::fstat(file.get(), &status);
    downloads_.emplace(key, std::make_unique<Download>(
                                peer, bulk::Outgoing(fetch.transfer, std::move(file),
                                                     static_cast<std::uint64_t>(status.st_size))));
  }
  Download& download = *downloads_.at(key);
  download.peer = peer;
  download.moved_us = now_us;
  download.file.go_on(fetch.offset,
                      fetch.offset + std::min(fetch.allowed - std::min(fetch.allowed, fetch.offset),
                                              limits_.window));
  // An empty file, or one of which only the last word was lost.
  if (download.file.all_sent()) {
    protocol::Chunk end;
    end.transfer = fetch.transfer;
    end.offset = end.bytes = download.file.bytes();
    say(peer, of, std::move(end));
  }
}

/// By turns. Of all that was read and not taken, no more than some windows are in memory: whoever takes
/// nothing holds his own, until he is dropped.
bool Bulk::pump() {
  std::uint64_t under_way = 0;
  for (const auto& [key, download] : downloads_) under_way += download->file.under_way();
  const std::uint64_t most = limits_.active * limits_.window;
  int pieces = 0;
  auto each = downloads_.upper_bound(turn_);
  for (std::size_t seen = 0, all = downloads_.size(); seen < all && pieces < kPieces; ++seen) {
    if (each == downloads_.end()) each = downloads_.begin();
    const auto at = each++;
    if (under_way >= most) break;
    auto piece = at->second->file.next();
    if (!piece) {
      refuse(at->second->peer, at->first.first, at->first.second, piece.error().message);
      downloads_.erase(at);
      continue;
    }
    if (!*piece) continue;
    turn_ = at->first;
    ++pieces;
    under_way += (*piece)->data.data.size();
    say(at->second->peer, at->first.first, std::move(**piece));
  }
  return pieces > 0;
}

// --- from Pods

void Bulk::store(const Peer& peer, const SidecarKey& of, const protocol::Store& store,
                 std::int64_t now_us) {
  const Key key{of, store.transfer};
  if (!uploads_.contains(key)) {
    if (is_full(of)) return refuse(peer, of, store.transfer, kTooMany, true);
    if (access_.knows && !access_.knows(of)) return refuse(peer, of, store.transfer, kNotYet, true);
    const auto place = access_.store(of, store);
    if (!place) return refuse(peer, of, store.transfer, place.error().message);
    if (!place->sha256.empty())
      return say(peer, of, protocol::Stored{store.transfer, place->sha256});
    // One of an earlier boot that goes on there.
    std::erase_if(uploads_, [&](const auto& each) { return each.second->path == place->path; });
    auto upload = open(store, *place);
    if (!upload) {
      // Of a full disk somebody frees some space.
      const bool full = is_full_disk(upload.error());
      return refuse(
          peer, of, store.transfer,
          full ? kFull : fmt::format("{}: {}", place->path.string(), upload.error().message()),
          full);
    }
    uploads_.emplace(key, std::move(*upload));
  }
  Upload& upload = *uploads_.at(key);
  upload.peer = peer;
  upload.moved_us = now_us;
  if (!upload.active) upload.active = upload.is_log() || room_for_upload();
  upload.allowed = upload.file.have() + (upload.active ? limits_.window : 0);
  say(peer, of, protocol::Resume{store.transfer, upload.file.have(), upload.allowed});
}

tl::expected<std::unique_ptr<Bulk::Upload>, std::error_code> Bulk::open(
    const protocol::Store& store, const BulkAccess::Place& place) {
  std::error_code error;
  std::filesystem::create_directories(place.path.parent_path(), error);
  if (error) return tl::unexpected(error);
  UniqueFd file(::open(place.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return tl::unexpected(std::error_code(errno, std::generic_category()));
  std::unique_ptr<bulk::Hasher> hasher;
  struct stat status {};
  ::fstat(file.get(), &status);
  auto have = static_cast<std::uint64_t>(status.st_size);
  if (store.object != "log") {
    hasher = openssl_hasher();
    if (have > store.bytes) have = 0;
    if (!feed(*hasher, file.get(), have))
      return tl::unexpected(std::make_error_code(std::errc::io_error));
  }
  auto upload = std::make_unique<Upload>(
      store, place.path, bulk::Incoming(std::move(file), have, std::move(hasher)), have);
  upload->most = place.most;
  return upload;
}

void Bulk::chunk(const Peer& peer, const SidecarKey& of, const protocol::Chunk& chunk,
                 std::int64_t now_us) {
  const auto found = uploads_.find({of, chunk.transfer});
  if (found == uploads_.end())
    return refuse(peer, of, chunk.transfer, "it is not known here", true);
  Upload& upload = *found->second;
  const std::uint64_t end = chunk.offset + chunk.data.data.size();
  const bool too_long =
      upload.is_log() ? upload.most > 0 && end > upload.most : end > upload.store.bytes;
  if (end > upload.allowed || too_long) {
    odd_("pieces of bulk over what was allowed");
    uploads_.erase(found);
    refuse(peer, of, chunk.transfer, "it is more than was allowed");
    return next_uploads();
  }
  const auto piece = upload.file.take(chunk.offset, chunk.data.data);
  const bool full = piece && *piece == bulk::Incoming::Piece::no_room;
  if (full) odd_(kFull);
  if (!piece || full) {  // of a full disk somebody frees some space
    refuse(peer, of, chunk.transfer, piece ? kFull : piece.error().message, full);
    uploads_.erase(found);
    return next_uploads();
  }
  upload.moved_us = now_us;
  if (*piece == bulk::Incoming::Piece::gap)
    return say(peer, of, protocol::Resume{chunk.transfer, upload.file.have(), upload.allowed});
  const std::uint64_t have = upload.file.have();
  if (upload.allowed - have > limits_.window / 2) return;
  upload.allowed = have + limits_.window;
  say(peer, of, protocol::Grant{chunk.transfer, have, upload.allowed});
}

void Bulk::sealed(const Peer& peer, const SidecarKey& of, const protocol::Sealed& sealed,
                  std::int64_t now_us) {
  const auto found = uploads_.find({of, sealed.transfer});
  if (found == uploads_.end())
    return refuse(peer, of, sealed.transfer, "it is not known here", true);
  Upload& upload = *found->second;
  upload.moved_us = now_us;
  if (upload.file.have() != sealed.bytes)
    return say(peer, of, protocol::Resume{sealed.transfer, upload.file.have(), upload.allowed});
  const std::unique_ptr<Upload> over = std::move(found->second);
  uploads_.erase(found);
  const std::string sha256 = over->is_log() ? "" : over->file.sha256();
  if (sha256 != sealed.sha256) {
    std::error_code ignored;
    std::filesystem::remove(over->path, ignored);
    refuse(
        peer, of, sealed.transfer,
        fmt::format("what came has the digest {}, not {}: the file was changed while it was sent",
                    sha256, sealed.sha256),
        over->before > 0);  // or what was there from before was damaged
  } else if (auto stored = access_.stored(of, over->store, over->path, sha256); !stored) {
    refuse(peer, of, sealed.transfer, stored.error().message);
  } else {
    say(peer, of, protocol::Stored{sealed.transfer, sha256});
  }
  next_uploads();
}

bool Bulk::room_for_upload() const {
  const auto active = std::count_if(uploads_.begin(), uploads_.end(), [](const auto& each) {
    return each.second->active && !each.second->is_log();
  });
  return static_cast<std::size_t>(active) < limits_.active;
}

void Bulk::next_uploads() {
  for (auto& [key, upload] : uploads_) {
    if (upload->active) continue;
    if (!room_for_upload()) return;
    upload->active = true;
    upload->allowed = upload->file.have() + limits_.window;
    say(upload->peer, key.first, protocol::Grant{key.second, upload->file.have(), upload->allowed});
  }
}

// --- all

void Bulk::tick(std::int64_t now_us) {
  const auto idle = [&](const auto& each) {
    return now_us - each.second->moved_us > limits_.idle_us;
  };
  std::erase_if(downloads_, idle);
  if (std::erase_if(uploads_, idle) > 0) next_uploads();
}

void Bulk::disconnected(const std::string& routing_id) {
  const auto gone = [&](const auto& each) { return each.second->peer.routing_id == routing_id; };
  std::erase_if(downloads_, gone);
  if (std::erase_if(uploads_, gone) > 0) next_uploads();
}

void Bulk::say(const Peer& peer, const SidecarKey& to, protocol::Body body) {
  protocol::Message message;
  message.header.pod_uid = to.pod_uid;
  message.header.boot_id = boot_id_;
  message.header.term = term_;
  message.header.seq = ++seq_;
  message.body = std::move(body);
  Outgoing& out = outgoing_.emplace_back();
  out.routing_id = peer.routing_id;
  protocol::encode(message, out.bytes);
}

void Bulk::refuse(const Peer& peer, const SidecarKey& to, std::uint64_t transfer, std::string why,
                  bool again) {
  say(peer, to, protocol::Refused{transfer, std::move(why), again});
}

}  // namespace scanflow::hub
