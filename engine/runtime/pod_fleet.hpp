// The hub as a backend of Pods sees it. Belongs to the engine's strand.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/backend/pod_hub.hpp"
#include "engine/runtime/fleet.hpp"
#include "engine/runtime/hub_identity.hpp"
#include "engine/runtime/pod_files.hpp"

namespace scanflow::runtime {

class PodFleet final : public backend::PodHub {
 public:
  /// Calls back with the fleet, once there is one; null: why not.
  using WithFleet = std::function<void(std::function<void(Fleet*, const std::string& problem)>)>;

  /// `file`: where the hub's identity is kept; `namespaces`: those that are enrolled (namespaces.hpp), also while it
  /// serves. `files` outlives it.
  PodFleet(std::filesystem::path file, std::filesystem::path namespaces, PodFiles& files,
           WithFleet with_fleet);

  void listen(bool where_it_was, std::function<void(Result<backend::HubAddress>)> then) override;
  backend::KeyPair keys_of(const std::string& pod) override;
  void admit(const std::string& pod) override;
  void dismiss(const std::string& pod) override;
  /// The same of a Pod of a namespace (user_of_pod).
  void dismiss_user(const std::string& user, const std::string& pod);
  void grant(const std::string& pod, const protocol::Request& request,
             const backend::AttemptFiles& places) override;
  void revoke(const std::string& pod, const protocol::AttemptId& id) override;
  void tell(const hub::SidecarKey& to, protocol::Body order) override;
  void delivered(const hub::SidecarKey& from, std::uint64_t number) override;

 private:
  /// Asked by libzmq's handler on a thread of its own, also when the engine is about to end.
  struct Users {
    std::mutex mutex;
    std::unordered_map<std::string, std::string> by_key;
    std::filesystem::path file;  // of namespaces
    std::filesystem::file_time_type read;
    std::unordered_map<std::string, std::string> namespaces;  // by key
  };
  static std::string user_of(Users& users, const HubIdentity& identity, const std::string& key);
  Result<backend::HubAddress> open(Fleet& fleet, bool where_it_was);

  const std::filesystem::path file_;
  PodFiles& files_;
  const WithFleet with_fleet_;
  Fleet* fleet_ = nullptr;  // that listens
  std::optional<HubIdentity> identity_;
  std::shared_ptr<Users> users_ = std::make_shared<Users>();
};

}  // namespace scanflow::runtime
