// One of a client's transfers.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>

#include "sidecar/bulk/client.hpp"
#include "sidecar/bulk/incoming.hpp"
#include "sidecar/bulk/outgoing.hpp"

namespace scanflow::bulk {

struct Client::Transfer {
  Number number = 0;
  bool fetches = false;
  protocol::Fetch fetch;  // what is said of it: one of these
  protocol::Store store;
  std::string path;
  Done done;
  bool active = false;
  std::optional<Incoming> in;
  std::optional<Outgoing> out;
  bool goes_on = false;     // a store: the hub has said from where
  bool sealed = false;      // and was told that this was all
  std::int64_t say_us = 0;  // when Fetch or Store is said (again), unless the hub is heard
  std::int64_t wait_us = 0;
  int wrong = 0;                          // digests that were not as they must be
  std::uint64_t offset = 0;               // of a log: where it begins in the file
  std::optional<std::uint64_t> length{};  // of a log that has ended

  bool is_log() const { return !fetches && store.object == "log"; }
  /// Of its own: another one may fetch the same.
  std::string part() const { return path + ".part" + std::to_string(number); }
  /// What has come of a fetch that is over.
  void drop_part() const {
    if (in) ::unlink(part().c_str());
  }
};

}  // namespace scanflow::bulk
