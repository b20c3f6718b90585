#include "engine/inject/editor.hpp"

namespace scanflow::inject {

using nlohmann::json;

namespace {

json::difference_type index_of_name(const std::string& token) { return std::stol(token); }

}  // namespace

void Editor::add(const std::string& path, json value) {
  const json::json_pointer place(path);
  json& into = holder(place);
  if (!into.is_array()) {
    into[place.back()] = value;
  } else if (place.back() == "-") {
    into.push_back(value);
  } else {
    into.insert(into.begin() + index_of_name(place.back()), value);
  }
  note("add", path, &value);
}

void Editor::replace(const std::string& path, json value) {
  value_.at(json::json_pointer(path)) = value;
  note("replace", path, &value);
}

void Editor::remove(const std::string& path) {
  const json::json_pointer place(path);
  json& from = holder(place);
  if (from.is_array()) {
    from.erase(from.begin() + index_of_name(place.back()));
  } else {
    from.erase(place.back());
  }
  note("remove", path, nullptr);
}

void Editor::note(const char* op, const std::string& path, json* value) {
  json& operation = operations_.emplace_back(json::object());
  operation["op"] = op;
  operation["path"] = pointer_ + path;
  if (value != nullptr) operation["value"] = std::move(*value);
}

}  // namespace scanflow::inject
