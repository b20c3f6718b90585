#include "plugins/triggers/kubernetes/object_edges.hpp"

#include <algorithm>
#include <set>

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using When = ObjectLaw::When;

/// A state has 64 KiB.
constexpr std::size_t kMostBytes = 52u << 10, kOfEach = 60;

std::string as_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Text that is a number is one: Kubernetes has many such.
std::optional<double> as_number(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const json read = json::parse(value.get<std::string>(), nullptr, false);
  return read.is_number() ? std::optional(read.get<double>()) : std::nullopt;
}

bool holds(const ObjectLaw& law, const json& value) {
  if (value.is_null()) return false;
  if (!law.is.empty()) return std::count(law.is.begin(), law.is.end(), as_text(value)) > 0;
  const auto number = as_number(value);
  return number && (law.above ? *number > *law.above : *number < *law.below);
}

json evidence_of(const char* change, const json& object, const json& value, std::int64_t since_us) {
  return {{"change", change}, {"object", object}, {"value", value}, {"since_us", since_us}};
}

}  // namespace

std::size_t ObjectEdges::Kept::size() const {
  return object.dump().size() + value.dump().size() + kOfEach;
}

ObjectEdges ObjectEdges::read(std::string_view text) {
  ObjectEdges edges;
  if (text.empty()) return edges;
  const json state = json::parse(text);
  edges.listed_ = state.at("listed");
  for (const auto& [uid, of] : state.at("objects").items())
    edges.keep(uid, {of.at(0), of.at(1), of.at(2), of.at(3)});
  return edges;
}

std::string ObjectEdges::text() const {
  json objects = json::object();
  for (const auto& [uid, of] : kept_)
    objects[uid] = json::array({of.since_us, of.fired, of.object, of.value});
  return json{{"listed", listed_}, {"objects", std::move(objects)}}.dump();
}

bool ObjectEdges::keep(const std::string& uid, Kept kept) {
  const auto known = kept_.find(uid);
  const std::size_t before = known == kept_.end() ? 0 : known->second.size() + uid.size();
  const std::size_t after = bytes_ - before + kept.size() + uid.size();
  if (after > kMostBytes) return false;
  bytes_ = after;
  kept_[uid] = std::move(kept);
  return true;
}

std::vector<json> ObjectEdges::take(const ObjectLaw& law, const json& told, std::int64_t now_us) {
  std::vector<json> fires;
  const std::string change = told.value("change", "");
  if (change == "listed") {
    const auto& uids = told.at("uids");
    const std::set<std::string> there(uids.begin(), uids.end());
    std::vector<std::string> gone;
    for (const auto& [uid, of] : kept_)
      if (!there.contains(uid)) gone.push_back(uid);
    for (const std::string& uid : gone) lose(law, uid, now_us, fires);
    listed_ = true;
  } else if (change == "deleted") {
    lose(law, told.at("object").at("uid"), now_us, fires);
  } else {
    see(law, told, now_us, fires);
  }
  return fires;
}

void ObjectEdges::see(const ObjectLaw& law, const json& told, std::int64_t now_us,
                      std::vector<json>& fires) {
  json object = told.at("object");
  const std::string uid = object.at("uid");
  object.erase("uid");
  const json value = told.value("value", json());
  const auto known = kept_.find(uid);
  const bool is_new = known == kept_.end();
  if (law.when == When::holds) {
    if (!holds(law, value)) {
      lose(law, uid, now_us, fires);
    } else if (is_new || !known->second.fired) {
      const std::int64_t since_us = is_new ? now_us : known->second.since_us;
      const bool fired = now_us - since_us >= law.for_us;
      const bool is_kept = fired ? keep(uid, {since_us, true, nullptr, nullptr})
                                 : keep(uid, {since_us, false, object, value});
      if (!is_kept || !fired) return;
      fires.push_back(evidence_of("holds", object, value, since_us));
    }
    return;
  }
  const json was = is_new ? json() : known->second.value;
  if (!is_new && was == value) return;
  const bool is_kept = keep(uid, {now_us, false, law.when == When::disappears ? object : json(),
                                  law.when == When::changes ? value : json()});
  if (!is_kept || !listed_) return;  // one without room would fire again and again
  if (law.when == When::appears && is_new)
    fires.push_back(evidence_of("appears", object, value, now_us));
  if (law.when == When::changes && !is_new) {
    fires.push_back(evidence_of("changes", object, value, now_us));
    fires.back()["was"] = was;
  }
}

void ObjectEdges::lose(const ObjectLaw& law, const std::string& uid, std::int64_t now_us,
                       std::vector<json>& fires) {
  const auto known = kept_.find(uid);
  if (known == kept_.end()) return;
  bytes_ -= known->second.size() + uid.size();
  if (law.when == When::disappears)
    fires.push_back(evidence_of("disappears", known->second.object, nullptr, now_us));
  kept_.erase(known);
}

void ObjectEdges::begin_anew(std::int64_t now_us) {
  for (auto& [uid, of] : kept_)
    if (!of.fired) of.since_us = now_us;
}

std::vector<json> ObjectEdges::due(const ObjectLaw& law, std::int64_t now_us) {
  std::vector<json> fires;
  if (law.when != When::holds) return fires;
  for (auto& [uid, of] : kept_) {
    if (of.fired || now_us - of.since_us < law.for_us) continue;
    fires.push_back(evidence_of("holds", of.object, of.value, of.since_us));
    bytes_ -= of.size() + uid.size();
    of = {of.since_us, true, nullptr, nullptr};
    bytes_ += of.size() + uid.size();
  }
  return fires;
}

std::optional<std::int64_t> ObjectEdges::next_us(const ObjectLaw& law) const {
  std::optional<std::int64_t> next_us;
  if (law.when != When::holds) return next_us;
  for (const auto& [uid, of] : kept_) {
    const std::int64_t at_us = of.since_us + law.for_us;
    if (!of.fired) next_us = std::min(at_us, next_us.value_or(at_us));
  }
  return next_us;
}

}  // namespace scanflow::triggers
