#include "tests/support/kube/store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

std::vector<std::string> owners_of(const Held& held) {
  std::vector<std::string> uids;
  if (!held) return uids;
  const json& metadata = held->object().at("metadata");
  const auto owners = metadata.find("ownerReferences");
  if (owners == metadata.end()) return uids;
  for (const json& owner : *owners) uids.push_back(owner.value("uid", ""));
  return uids;
}

}  // namespace

Revision::Revision(std::uint64_t version, json object)
    : version_(version),
      object_(std::move(object)),
      namespace_(object_.at("metadata").value("namespace", "")) {}

const std::string& Revision::text() const {
  if (text_.empty()) {
    text_ = fmt::format("{{\"kind\":{},\"apiVersion\":{},", json(object_.value("kind", "")).dump(),
                        json(object_.value("apiVersion", "")).dump());
    text_.append(item_text(), 1);
  }
  return text_;
}

const std::string& Revision::item_text() const {
  if (!rest_.empty()) return rest_;
  for (const auto& [member, value] : object_.items()) {
    if (member == "kind" || member == "apiVersion") continue;
    rest_ += (rest_.empty() ? "{\"" : ",\"") + member +
             "\":" + value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  rest_ += '}';
  return rest_;
}

std::string key_of(const Resource& resource, const std::string& name_space,
                   const std::string& name) {
  return resource.namespaced ? name_space + "/" + name : name;
}

std::string key_of(const Resource& resource, const json& object) {
  const json& metadata = object.at("metadata");
  return key_of(resource, metadata.value("namespace", ""), metadata.value("name", ""));
}

Held Store::find(const Resource& resource, const std::string& key) const {
  const Objects& all = objects(resource);
  const auto found = all.find(key);
  return found == all.end() ? nullptr : found->second;
}

const Store::Objects& Store::objects(const Resource& resource) const {
  static const Objects none;
  const auto table = tables_.find(&resource);
  return table == tables_.end() ? none : table->second.objects;
}

Store::Objects Store::at(const Resource& resource, std::uint64_t version) const {
  const auto table = tables_.find(&resource);
  if (is_forgotten(version) || (table != tables_.end() && version < table->second.forgotten))
    throw expired("The resourceVersion for the provided list is too old.");
  if (table == tables_.end()) return {};
  Objects then = table->second.objects;
  const std::deque<Told>& events = table->second.events;
  for (auto event = events.rbegin(); event != events.rend() && (*event)->version > version;
       ++event) {
    const Held& known = (*event)->now ? (*event)->now : (*event)->before;
    const std::string key = key_of(resource, known->object());
    if ((*event)->before && (*event)->now) then[key] = (*event)->before;
    if (!(*event)->before) then.erase(key);
    if (!(*event)->now) then[key] = (*event)->before;
  }
  return then;
}

Held Store::put(const Resource& resource, json object) {
  Table& table = tables_[&resource];
  const std::string key = key_of(resource, object);
  const auto found = table.objects.find(key);
  const Held before = found == table.objects.end() ? nullptr : found->second;
  if (before) {
    object["metadata"]["resourceVersion"] = std::to_string(before->version());
    if (object == before->object()) return before;
  }
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  const auto now = std::make_shared<const Revision>(version_, std::move(object));
  table.objects[key] = now;
  index(resource, key, before, now);
  record(table, {version_, before, now});
  return now;
}

Held Store::remove(const Resource& resource, const std::string& key) {
  const Held before = find(resource, key);
  if (!before) return nullptr;
  Table& table = tables_[&resource];
  json last = before->object();
  last["metadata"]["resourceVersion"] = std::to_string(++version_);
  const auto gone = std::make_shared<const Revision>(version_, std::move(last));
  table.objects.erase(key);
  index(resource, key, before, nullptr);
  record(table, {version_, gone, nullptr});
  return gone;
}

void Store::record(Table& table, Event event) {
  const auto told = std::make_shared<const Event>(std::move(event));
  table.events.push_back(told);
  if (table.events.size() > history_) {
    table.forgotten = table.events.front()->version;
    table.events.pop_front();
  }
  undelivered_.emplace_back(&table, told);
  deliver();
}

void Store::deliver() {
  if (delivering_) return;
  delivering_ = true;
  while (!undelivered_.empty()) {
    const auto [table, told] = std::move(undelivered_.front());
    undelivered_.pop_front();
    const std::set<Listener*> listeners = table->listeners;  // one may go when it is told
    for (Listener* listener : listeners) {
      if (table->listeners.contains(listener)) listener->on_event(told);
    }
  }
  delivering_ = false;
}

void Store::index(const Resource& resource, const std::string& key, const Held& before,
                  const Held& now) {
  const std::vector<std::string> old = owners_of(before), current = owners_of(now);
  if (old == current) return;
  for (const std::string& uid : old) {
    const auto owned = owned_.find(uid);
    if (owned == owned_.end()) continue;
    owned->second.erase({&resource, key});
    if (owned->second.empty()) owned_.erase(owned);
  }
  for (const std::string& uid : current) owned_[uid].insert({&resource, key});
}

std::vector<Told> Store::since(const Resource& resource, std::uint64_t version) const {
  const auto table = tables_.find(&resource);
  const std::uint64_t forgotten =
      table == tables_.end() ? compacted_ : std::max(compacted_, table->second.forgotten);
  if (version < forgotten)
    throw expired(fmt::format("too old resource version: {} ({})", version, forgotten));
  if (table == tables_.end()) return {};
  const std::deque<Told>& events = table->second.events;
  const auto first =
      std::upper_bound(events.begin(), events.end(), version,
                       [](std::uint64_t at, const Told& event) { return at < event->version; });
  return {first, events.end()};
}

void Store::add_listener(const Resource& resource, Listener* listener) {
  tables_[&resource].listeners.insert(listener);
}

void Store::remove_listener(const Resource& resource, Listener* listener) {
  tables_[&resource].listeners.erase(listener);
}

void Store::compact() {
  compacted_ = version_;
  for (auto& [resource, table] : tables_) table.events.clear();
}

std::vector<std::pair<const Resource*, std::string>> Store::owned_by(const std::string& uid) const {
  const auto owned = owned_.find(uid);
  if (owned == owned_.end()) return {};
  return {owned->second.begin(), owned->second.end()};
}

}  // namespace scanflow::test::kube
