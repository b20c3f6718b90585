#include "engine/runtime/pod_fleet.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <utility>

#include "engine/backend/free_port.hpp"
#include "engine/runtime/namespaces.hpp"

namespace scanflow::runtime {
namespace {

std::uint16_t port_of(const std::string& endpoint) {
  std::uint16_t port = 0;
  const std::size_t colon = endpoint.rfind(':');
  if (colon != std::string::npos)
    std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  return port;
}

/// All addresses: the bridge of Pods is there only once one runs.
std::string address(std::uint16_t port) {
  return port == 0 ? "tcp://0.0.0.0:*" : fmt::format("tcp://0.0.0.0:{}", port);
}

/// In a cluster others must know it beforehand; 0: any.
std::uint16_t wanted_port() {
  const char* text = std::getenv("SCANFLOW_HUB_PORT");
  return text == nullptr ? std::uint16_t{0} : port_of(fmt::format(":{}", text));
}

}  // namespace

PodFleet::PodFleet(std::filesystem::path file, std::filesystem::path namespaces, PodFiles& files,
                   WithFleet with_fleet)
    : file_(std::move(file)), files_(files), with_fleet_(std::move(with_fleet)) {
  users_->file = std::move(namespaces);
}

/// Namespaces come and go while the hub serves: the file says which.
std::string PodFleet::user_of(Users& users, const HubIdentity& identity, const std::string& key) {
  const std::lock_guard lock(users.mutex);
  if (const auto found = users.by_key.find(key); found != users.by_key.end()) return found->second;
  std::error_code none;
  const auto written = std::filesystem::last_write_time(users.file, none);
  if (!none && written != users.read) {
    if (const auto all = read_namespaces(users.file)) {
      users.read = written;
      users.namespaces.clear();
      for (const std::string& each : *all) {
        const std::string user = user_of_namespace(each);
        users.namespaces[keys_of_pod(identity, user).public_key] = user;
      }
    }
  }
  const auto found = users.namespaces.find(key);
  return found == users.namespaces.end() ? "" : found->second;
}

void PodFleet::listen(bool where_it_was, std::function<void(Result<backend::HubAddress>)> then) {
  with_fleet_(
      [this, where_it_was, then = std::move(then)](Fleet* fleet, const std::string& problem) {
        if (fleet == nullptr) return then(fail("Pods need the hub, and there is none: " + problem));
        then(open(*fleet, where_it_was));
      });
}

Result<backend::HubAddress> PodFleet::open(Fleet& fleet, bool where_it_was) {
  if (!identity_) {
    auto read = read_hub_identity(file_);
    if (!read) return tl::unexpected(read.error());
    identity_ = std::move(*read);
  }
  if (fleet.tcp().empty()) {
    if (const std::uint16_t port = wanted_port(); port != 0) {
      identity_->port = port;
      identity_->bulk_port = static_cast<std::uint16_t>(port + 1);
      where_it_was = true;
    }
    for (std::uint16_t* port : {&identity_->port, &identity_->bulk_port}) {
      if (*port == 0 || backend::is_free_port(*port)) continue;
      if (where_it_was) {
        return fail(
            fmt::format("another process has the port {}, where Pods look for the hub: end "
                        "it ('ss -ltnp' shows which); until then this engine waits, and so do they",
                        *port));
      }
      *port = 0;
    }
    hub::HubNetwork network;
    network.tcp = address(identity_->port);
    network.bulk_tcp = address(identity_->bulk_port);
    network.secret_key = identity_->keys.secret_key;
    network.user_of = [users = users_, identity = *identity_](const std::string& key) {
      return user_of(*users, identity, key);
    };
    if (auto listens = fleet.listen(std::move(network)); !listens)
      return tl::unexpected(listens.error());
    identity_->port = port_of(fleet.tcp());
    identity_->bulk_port = port_of(fleet.bulk_tcp());
    if (auto written = write_hub_identity(file_, *identity_); !written)
      return tl::unexpected(written.error());
  }
  fleet_ = &fleet;
  return backend::HubAddress{identity_->port, identity_->bulk_port, identity_->keys.public_key};
}

backend::KeyPair PodFleet::keys_of(const std::string& pod) { return keys_of_pod(*identity_, pod); }

void PodFleet::admit(const std::string& pod) {
  const std::string key = keys_of(pod).public_key;
  const std::lock_guard lock(users_->mutex);
  users_->by_key[key] = pod;
}

void PodFleet::dismiss(const std::string& pod) { dismiss_user(pod, pod); }

void PodFleet::dismiss_user(const std::string& user, const std::string& pod) {
  if (!identity_) return;  // nobody was let in
  const std::string key = keys_of(user).public_key;
  const std::lock_guard lock(users_->mutex);
  users_->by_key.erase(key);
  if (fleet_ != nullptr) fleet_->forget({user, pod});
}

void PodFleet::grant(const std::string& pod, const protocol::Request& request,
                     const backend::AttemptFiles& places) {
  files_.admit(pod, request, places);
}

void PodFleet::revoke(const std::string& pod, const protocol::AttemptId& id) {
  files_.dismiss(pod, id);
}

void PodFleet::tell(const hub::SidecarKey& to, protocol::Body order) {
  if (fleet_ != nullptr) fleet_->tell(to, std::move(order));
}

void PodFleet::delivered(const hub::SidecarKey& from, std::uint64_t number) {
  if (fleet_ != nullptr) fleet_->delivered(from, number);
}

}  // namespace scanflow::runtime
