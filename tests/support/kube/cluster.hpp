// All that a cluster is, for whoever holds its lock: objects, users, rules of faults, counters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/kube/counters.hpp"
#include "tests/support/kube/faults.hpp"
#include "tests/support/kube/logs.hpp"
#include "tests/support/kube/resource.hpp"
#include "tests/support/kube/store.hpp"
#include "tests/support/kube/users.hpp"
#include "tests/support/kube/watch.hpp"

namespace scanflow::test::kube {

struct ClusterOptions {
  std::function<std::int64_t()> now_s;  // Unix time; none: this machine's clock
  std::size_t history = 50'000;         // events of each resource
  std::vector<std::string> namespaces = {"default", "kube-system"};
};

/// A webhook of the test's: why it denies; "" where it does not.
struct Webhook {
  std::string name;
  std::function<std::string(const std::string& verb, const json& object)> denies;
};

class Cluster {
 public:
  Cluster(ClusterOptions options, std::recursive_mutex& lock);

  std::int64_t now_s() const { return options_.now_s(); }
  /// "2026-11-23T14:41:39Z".
  std::string now() const;
  std::string new_uid();
  /// Five letters, as generateName adds them.
  std::string new_suffix();

  Registry known;
  Store store;
  Users users;
  Faults faults;
  Counters counters;
  Logs logs;
  std::vector<Webhook> webhooks;
  std::vector<std::weak_ptr<WatchStream>> watches;
  std::recursive_mutex& lock;

 private:
  ClusterOptions options_;
  std::mt19937_64 random_{1};
};

/// An object's time, in seconds.
std::int64_t seconds_of(const std::string& time);
std::string time_of(std::int64_t seconds);

}  // namespace scanflow::test::kube
