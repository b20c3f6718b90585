#include "tests/support/kube/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tests/support/kube/patch.hpp"
#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

/// "f:name", or 'k:{"name":"c"}' of a list's element.
std::string element_name(const std::string& key, const json& element) {
  return "k:" + json{{key, element.at(key)}}.dump();
}

const json* element_of(const json& list, const std::string& key, const json& like) {
  for (const json& one : list) {
    if (one.is_object() && one.contains(key) && one.at(key) == like.at(key)) return &one;
  }
  return nullptr;
}

bool is_keyed(const std::string& member, const json& value) {
  const std::string key = value.is_array() ? merge_key_of(member, value) : "";
  return !key.empty() && std::all_of(value.begin(), value.end(),
                                     [&](const json& one) { return one.contains(key); });
}

json fields_of(const json& value, const json* other);

json fields_of_list(const std::string& member, const json& list, const json* other) {
  json fields = json::object();
  const std::string key = merge_key_of(member, list);
  for (const json& element : list) {
    const json* same = other == nullptr ? nullptr : element_of(*other, key, element);
    json inner = fields_of(element, same);
    if (same == nullptr) inner["."] = json::object();
    if (!inner.empty()) fields[element_name(key, element)] = std::move(inner);
  }
  return fields;
}

/// The fields of `value` that are not the same in `other` (null: all).
json fields_of(const json& value, const json* other) {
  json fields = json::object();
  for (const auto& [member, one] : value.items()) {
    const json* there = other != nullptr && other->is_object() && other->contains(member)
                            ? &other->at(member)
                            : nullptr;
    if (there != nullptr && (*there == one || (one == json::object() && there->is_object())))
      continue;
    json field = json::object();
    if (one.is_object() && !one.empty()) {
      field = fields_of(one, there);
      if (field.empty()) continue;  // all of it is there, beside more
    } else if (is_keyed(member, one)) {
      field = fields_of_list(member, one, there);
      if (field.empty()) continue;
    }
    fields["f:" + member] = std::move(field);
  }
  return fields;
}

/// What of an object can be owned at all.
json owned_part(const json& object) {
  json part = object;
  part.erase("kind");
  part.erase("apiVersion");
  if (!part.contains("metadata")) return part;
  json metadata = json::object();
  for (const char* member : {"labels", "annotations", "finalizers", "ownerReferences"}) {
    if (part["metadata"].contains(member)) metadata[member] = part["metadata"][member];
  }
  part["metadata"] = metadata;
  if (metadata.empty()) part.erase("metadata");
  return part;
}

bool covers(const json& fields, const json& one) {
  if (one.empty()) return true;
  return std::all_of(one.items().begin(), one.items().end(), [&](const auto& item) {
    return fields.contains(item.key()) && covers(fields.at(item.key()), item.value());
  });
}

void take_away(json& fields, const json& gone) {
  for (const auto& [name, inner] : gone.items()) {
    const auto found = fields.find(name);
    if (found == fields.end()) continue;
    take_away(*found, inner);
    const bool is_leaf = found->empty() || (found->size() == 1 && found->contains("."));
    if (is_leaf) fields.erase(found);
  }
}

/// The paths of both: ".data.x".
void shared(const json& mine, const json& theirs, const std::string& path,
            std::vector<std::string>& out) {
  for (const auto& [name, inner] : mine.items()) {
    if (name == "." || !theirs.contains(name)) continue;
    const std::string step =
        name.starts_with("f:") ? "." + name.substr(2) : "[" + name.substr(3, name.size() - 4) + "]";
    if (inner.empty() || theirs.at(name).empty()) {
      out.push_back(path + step);
    } else {
      shared(inner, theirs.at(name), path + step, out);
    }
  }
}

json& entry_of(json& managed, const Resource& resource, const Writer& writer,
               const char* operation) {
  const auto found = std::find_if(managed.begin(), managed.end(), [&](const json& one) {
    return one.value("manager", "") == writer.manager && one.value("operation", "") == operation &&
           one.value("subresource", "") == writer.subresource;
  });
  if (found != managed.end()) return *found;
  json entry = {{"manager", writer.manager},
                {"operation", operation},
                {"apiVersion", resource.api_version()},
                {"time", writer.time},
                {"fieldsType", "FieldsV1"},
                {"fieldsV1", json::object()}};
  if (!writer.subresource.empty()) entry["subresource"] = writer.subresource;
  managed.push_back(std::move(entry));
  return managed.back();
}

void forget_empty(json& object, json managed) {
  managed.erase(std::remove_if(managed.begin(), managed.end(),
                               [](const json& one) { return one.at("fieldsV1").empty(); }),
                managed.end());
  object["metadata"]["managedFields"] = std::move(managed);
  if (object["metadata"]["managedFields"].empty()) object["metadata"].erase("managedFields");
}

/// Everywhere but in this manager's entry.
void take_from_others(json& managed, const json& fields, const json* own) {
  for (json& entry : managed) {
    if (&entry != own) take_away(entry["fieldsV1"], fields);
  }
}

/// Removes from `value` what `fields` name.
void remove_fields(json& value, const json& fields) {
  for (const auto& [name, inner] : fields.items()) {
    if (name == "." || !value.is_object()) continue;
    const std::string member = name.substr(2);
    if (name.starts_with("f:") && value.contains(member)) {
      json& one = value[member];
      const bool keyed = one.is_array() && !inner.empty();
      if (inner.empty()) {
        value.erase(member);
      } else if (keyed) {
        const std::string key = merge_key_of(member, one);
        json kept = json::array();
        for (json element : one) {
          const std::string element_key = element.contains(key) ? element_name(key, element) : "";
          if (inner.contains(element_key) && inner[element_key].contains(".")) continue;
          if (inner.contains(element_key)) remove_fields(element, inner[element_key]);
          kept.push_back(std::move(element));
        }
        one = std::move(kept);
      } else {
        remove_fields(one, inner);
        if (one.empty()) value.erase(member);
      }
    }
  }
}

void check_conflicts(const json& managed, const json& changes, const Writer& writer) {
  std::vector<Cause> causes;
  for (const json& entry : managed) {
    if (entry.value("manager", "") == writer.manager && entry.value("operation", "") == "Apply")
      continue;
    std::vector<std::string> paths;
    shared(changes, entry.at("fieldsV1"), "", paths);
    std::string who = fmt::format("conflict with \"{}\"", entry.value("manager", ""));
    if (entry.value("operation", "") == "Update")
      who += fmt::format(" using {}", entry.value("apiVersion", ""));
    for (const std::string& path : paths) causes.push_back({"FieldManagerConflict", who, path});
  }
  if (causes.empty()) return;
  std::string message = fmt::format("Apply failed with {} conflict{}: ", causes.size(),
                                    causes.size() == 1 ? "" : "s");
  if (causes.size() == 1) {
    message += fmt::format("{}: {}", causes[0].message, causes[0].field);
  } else {
    message += "conflicts";
    std::string last;
    for (const Cause& cause : causes) {
      if (cause.message != last) message += fmt::format(" {}:", cause.message.substr(9));
      message += "\n- " + cause.field;
      last = cause.message;
    }
  }
  Answer answer;
  answer.status = 409;
  answer.body = status_of(409, "Conflict", message, {{"causes", causes_of(causes)}});
  throw Refusal(std::move(answer));
}

}  // namespace

void record_update(const Resource& resource, const json& before, json& after,
                   const Writer& writer) {
  const json old = before.is_null() ? json::object() : owned_part(before);
  json part = owned_part(after);
  if (writer.subresource.empty() && resource.has("status")) part.erase("status");
  const json changed = fields_of(part, &old);
  if (changed.empty()) return;
  json managed = after["metadata"].value("managedFields", json::array());
  json& own = entry_of(managed, resource, writer, "Update");
  take_from_others(managed, changed, &own);
  own["fieldsV1"].merge_patch(changed);
  own["time"] = writer.time;
  forget_empty(after, std::move(managed));
}

json applied(const Resource& resource, const json& object, const json& configuration,
             const Writer& writer, bool force) {
  const json wanted = owned_part(configuration);
  const json mine = fields_of(wanted, nullptr);
  const json live = object.is_null() ? json::object() : owned_part(object);
  json managed =
      object.is_null() ? json::array() : object["metadata"].value("managedFields", json::array());
  const json changes = fields_of(wanted, &live);
  if (!force) check_conflicts(managed, changes, writer);
  json& own = entry_of(managed, resource, writer, "Apply");
  json dropped = own["fieldsV1"];
  take_away(dropped, mine);
  for (const json& entry : managed) {
    if (&entry != &own) take_away(dropped, entry.at("fieldsV1"));
  }
  own["fieldsV1"] = mine;
  if (!changes.empty()) own["time"] = writer.time;
  if (force) take_from_others(managed, changes, &own);
  json result = object.is_null() ? configuration : strategically_merged(object, configuration);
  remove_fields(result, dropped);
  forget_empty(result, std::move(managed));
  return result;
}

}  // namespace scanflow::test::kube
