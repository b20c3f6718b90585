// Who the hub of a state directory is to the Pods that it speaks with: its keys, and the ports where they
// look for it. The same for each engine, so that Pods find the next one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/backend/pod_hub.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

struct HubIdentity {
  backend::KeyPair keys;
  std::uint16_t port = 0, bulk_port = 0;  // 0: any that is free
};

/// Made where there is none yet: only this user may read the file.
Result<HubIdentity> read_hub_identity(const std::filesystem::path& file);
Result<void> write_hub_identity(const std::filesystem::path& file, const HubIdentity& identity);

/// The keys of a Pod, which nobody can make who does not know the hub's.
backend::KeyPair keys_of_pod(const HubIdentity& hub, const std::string& pod);

}  // namespace scanflow::runtime
