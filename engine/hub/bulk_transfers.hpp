// What the hub knows of a transfer, and how it digests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "engine/hub/bulk.hpp"
#include "sidecar/bulk/incoming.hpp"
#include "sidecar/bulk/outgoing.hpp"

namespace scanflow::hub {

struct Bulk::Download {
  Download(Peer to, bulk::Outgoing what) : peer(std::move(to)), file(std::move(what)) {}
  Peer peer;
  bulk::Outgoing file;
  std::int64_t moved_us = 0;
};

struct Bulk::Upload {
  Upload(protocol::Store what, std::filesystem::path where, bulk::Incoming how, std::uint64_t there)
      : store(std::move(what)), path(std::move(where)), file(std::move(how)), before(there) {}
  bool is_log() const { return store.object == "log"; }

  const protocol::Store store;
  const std::filesystem::path path;
  bulk::Incoming file;
  const std::uint64_t before;  // bytes that were there when it was opened
  std::uint64_t most = 0;      // as in BulkAccess::Place
  Peer peer;
  bool active = false;
  std::uint64_t allowed = 0;
  std::int64_t moved_us = 0;
};

std::unique_ptr<bulk::Hasher> openssl_hasher();
/// Has it digest the first `bytes` of a file.
Result<void> feed(bulk::Hasher& hasher, int file, std::uint64_t bytes);

}  // namespace scanflow::hub
