#include "tests/unit/pipeline/table_walk.hpp"

#include <map>
#include <set>
#include <utility>

namespace scanflow::pipeline::test {
namespace {

using nlohmann::json;
using Wrap = std::function<json(const json&)>;

/// What else must be there for a field (or any of its table) to be right: rules between fields.
json companions(const std::string& table, const std::string& field) {
  static const std::map<std::string, json> kCompanions{
      {"step", {{"approve", true}}},           // does something, and takes any other field
      {"step.replicas", {{"run", "exit 0"}}},  // of a step that does work
      {"matrix", {{"x", {1}}}},
      {"combination", {{"x", 1}}},
      {"param", {{"default", 1}}},
      {"param.default", json::object()},
      {"param.type", json::object()},
      {"param.enum", {{"type", "string"}}},
      {"retain", {{"runs", 1}}},
      {"retain.runs", {{"age", "1d"}}},
      {"checkpoint", {{"signal", "SIGUSR1"}}},
      {"checkpoint.program", json::object()},
      {"secret", {{"env", "TOKEN"}}},
      {"secret.file", json::object()},
      {"secret.secret", json::object()},
      {"approve.default", {{"timeout", "1m"}}},
      {"service_scaling", {{"max", 1000}}},  // without it the others say nothing
      {"service_scaling.max", json::object()},
      {"service_node", {{"uses", "noop"}}},
      {"service_node.uses", json::object()},
      {"service_node.container", json::object()},
      {"service_node.url", json::object()},
      {"pipeline_service.backup",
       {{"graph", {{{"name", "noop"}, {"uses", "noop"}, {"model", "m"}}}}}},
  };
  const auto own = kCompanions.find(table + "." + field);
  if (own != kCompanions.end()) return own->second;
  const auto all = kCompanions.find(table);
  return all != kCompanions.end() ? all->second : json::object();
}

json smallest_for(const Table& table, const std::string& field) {
  json map = companions(std::string(table.name), field);
  for (const Field& each : table.fields) {
    const std::string name(each.name);
    if (each.required && !map.contains(name)) map[name] = valid_values(each).front();
  }
  return map;
}

json list_with(const Field& element, const json& value) {
  json list = json::array({value});
  // One more, which the first may need, and which says nothing that `defaults` may say.
  if (element.table == step_fields || element.table == service_node_fields)
    list.push_back({{"name", "noop"}, {"uses", "noop"}});
  if (element.table == service_version_fields) list.push_back({{"model", "m"}});
  return list;
}

class Walk {
 public:
  Walk() {
    visit(pipeline_fields(), [](const json& map) { return map; });
    visit(default_fields(), [wrap = defaults_](const json& map) {
      json document = wrap(map);
      document["steps"].push_back({{"name", "works"}, {"run", "exit 0"}});
      return document;
    });
  }

  std::vector<Place> places;
  std::vector<TablePlace> tables;

 private:
  void visit(const Table& table, const Wrap& wrap) {
    if (!seen_.insert(&table).second) return;
    tables.push_back({&table, wrap});
    for (const Field& field : table.fields) {
      add(table, std::string(field.name), std::string(field.name), field, wrap);
    }
    // A name that the map may hold.
    const std::string name = table.names == "device" ? "example.org/x" : "x";
    if (table.others != nullptr) add(table, "*", name, *table.others, wrap);
  }

  void add(const Table& table, const std::string& name, const std::string& key, const Field& field,
           const Wrap& wrap) {
    add(std::string(table.name) + "." + name, field, [=, &table](const json& value) {
      json map = smallest_for(table, key);
      map[key] = value;
      return wrap(map);
    });
  }

  void add(const std::string& name, const Field& field, const Wrap& wrap) {
    places.push_back({name, &field, wrap});
    if (field.table == default_fields) {
      defaults_ = wrap;  // in the end: what steps have too is tried in a step
    } else if (field.table != nullptr) {
      visit(field.table(), wrap);
    }
    if (field.each == nullptr) return;
    if (field.each->table != nullptr && seen_.count(&field.each->table()) > 0) return;
    add(name + "[]", *field.each,
        [=, &field](const json& value) { return wrap(list_with(*field.each, value)); });
  }

  std::set<const Table*> seen_;
  Wrap defaults_;
};

}  // namespace

json smallest(const Table& table) { return smallest_for(table, ""); }

std::vector<json> valid_values(const Field& field) {
  static const std::map<std::string_view, json> kOfFormat{{"duration", "90s"},
                                                          {"bytes", "512Mi"},
                                                          {"cpu", "500m"},
                                                          {"share", "0.1%"},
                                                          {"rule", "threads > 5 -> dump"},
                                                          {"signal", "SIGUSR1"},
                                                          {"cron", "0 3 * * *"},
                                                          {"zone", "Europe/Madrid"},
                                                          {"label", "a-1"},
                                                          {"literal", "noop"},
                                                          {"expression", "${{ {1} }}"},
                                                          {"identifier", "A_1"},
                                                          {"image", "registry.local/app:1"},
                                                          {"model url", "http://a:80/v2/models/b"},
                                                          {"path", "/data"},
                                                          {"secret", "login.a-1"},
                                                          {"secret_key", "pass.word_1"}};
  std::vector<json> values;
  if (!field.words.empty()) {
    for (const std::string_view word : field.words) values.emplace_back(word);
  } else if (!field.format.empty()) {
    values.push_back(kOfFormat.at(field.format));
    if (field.format == "label" && !field.required) values.back() = "noop";  // the other step's
  } else if ((field.types & (kText | kScalar)) != 0) {
    values.emplace_back("some text");
  }
  if ((field.types & (kInt | kNumber)) != 0) values.emplace_back(1);
  if ((field.types & kBool) != 0) values.emplace_back(true);
  if ((field.types & kMap) != 0) {
    values.push_back(field.table != nullptr ? smallest(field.table()) : json::object());
  }
  if ((field.types & kList) != 0) {
    json list = json::array();
    if (field.each != nullptr && (field.filled || field.each->table == nullptr)) {
      list = list_with(*field.each, valid_values(*field.each).front());
    }
    values.push_back(std::move(list));
  }
  return values;
}

std::vector<Place> all_places() { return Walk().places; }
std::vector<TablePlace> all_tables() { return Walk().tables; }

}  // namespace scanflow::pipeline::test
