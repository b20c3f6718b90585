// All objects, in versions: what is now, what was, and who is told of changes. Pure: no clock, no
// lock; whoever holds the cluster calls it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

/// An object as it was at one version; never changed.
class Revision {
 public:
  Revision(std::uint64_t version, json object);
  std::uint64_t version() const { return version_; }
  const json& object() const { return object_; }
  /// Of its metadata; "" where it is in none.
  const std::string& name_space() const { return namespace_; }
  /// As JSON, written once for all who want it.
  const std::string& text() const;
  /// The same without kind and apiVersion, as items of lists are.
  const std::string& item_text() const;

 private:
  std::uint64_t version_;
  json object_;
  std::string namespace_;
  mutable std::string rest_, text_;  // rest_: without kind and apiVersion, from its first member on
};
using Held = std::shared_ptr<const Revision>;

/// The object was `before` (null: it was not there) and is `now` (null: it is gone; `before` then is
/// its last state, with the version of the deletion).
struct Event {
  std::uint64_t version = 0;
  Held before, now;
};
using Told = std::shared_ptr<const Event>;

class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_event(const Told& event) = 0;
};

/// "namespace/name", or "name" where there are no namespaces: lists are in this order.
std::string key_of(const Resource& resource, const std::string& name_space,
                   const std::string& name);
std::string key_of(const Resource& resource, const json& object);

class Store {
 public:
  using Objects = std::map<std::string, Held>;

  /// `history`: how many events of each resource are kept.
  explicit Store(std::size_t history) : history_(history) {}

  std::uint64_t version() const { return version_; }
  /// Null: there is none.
  Held find(const Resource& resource, const std::string& key) const;
  const Objects& objects(const Resource& resource) const;
  /// As it was at that version; throws Refusal (410) where that is forgotten.
  Objects at(const Resource& resource, std::uint64_t version) const;
  bool is_forgotten(std::uint64_t version) const { return version < compacted_; }

  /// Sets metadata.resourceVersion. What is as it was, is not written again.
  Held put(const Resource& resource, json object);
  /// Gives its last state; null: there was none.
  Held remove(const Resource& resource, const std::string& key);

  /// Events after that version, the oldest first; throws Refusal (410) where some are forgotten.
  std::vector<Told> since(const Resource& resource, std::uint64_t version) const;
  /// The listener outlives its registration.
  void add_listener(const Resource& resource, Listener* listener);
  void remove_listener(const Resource& resource, Listener* listener);
  void compact();

  /// Those that name this uid as one of their owners.
  std::vector<std::pair<const Resource*, std::string>> owned_by(const std::string& uid) const;

 private:
  struct Table {
    Objects objects;
    std::deque<Told> events;
    std::uint64_t forgotten = 0;  // events up to this version
    std::set<Listener*> listeners;
  };
  using Owned = std::set<std::pair<const Resource*, std::string>>;
  void record(Table& table, Event event);
  void index(const Resource& resource, const std::string& key, const Held& before, const Held& now);

  /// Events reach all listeners in order, also where one of them changes something itself.
  void deliver();

  std::size_t history_;
  std::uint64_t version_ = 1, compacted_ = 0;
  std::deque<std::pair<Table*, Told>> undelivered_;
  bool delivering_ = false;
  std::unordered_map<const Resource*, Table> tables_;
  std::unordered_map<std::string, Owned> owned_;  // by the owner's uid
};

}  // namespace scanflow::test::kube
