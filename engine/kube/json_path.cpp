#include "engine/kube/json_path.hpp"

#include <fmt/format.h>

#include <charconv>

namespace scanflow::kube {

using nlohmann::json;

class JsonPathReader {
 public:
  explicit JsonPathReader(std::string_view text) : text_(text) {}

  Result<JsonPath> read() {
    JsonPath path;
    const bool braced = take('{');
    path.text_ = braced ? std::string(text_) : fmt::format("{{{}}}", text_);
    (void)take('$');
    while (at_ < text_.size() && text_[at_] != '}' && problem_.empty()) read_part(path);
    if (problem_.empty() && braced && !take('}')) problem_ = "'}' is missing";
    if (problem_.empty() && at_ < text_.size()) problem_ = "nothing may follow";
    if (problem_.empty() && path.parts_.empty()) problem_ = "it names nothing";
    if (problem_.empty()) return path;
    return fail(fmt::format(
        "'{}' is no path into an object: {} at character {}; {{.status.phase}} is one, and "
        "{{.status.conditions[?(@.type==\"Ready\")].status}}",
        text_, problem_, at_ + 1));
  }

 private:
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  bool take(char what) { return take(std::string_view(&what, 1)); }

  void read_part(JsonPath& path) {
    if (take('.')) {
      path.parts_.emplace_back(read_name());
    } else if (take("[?(@")) {
      path.parts_.emplace_back(read_filter());
    } else if (take('[')) {
      if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
        path.parts_.emplace_back(read_quoted());
      } else {
        path.parts_.emplace_back(read_index());
      }
      if (problem_.empty() && !take(']')) problem_ = "']' is missing";
    } else {
      problem_ = "'.' or '[' is missing";
    }
  }

  std::string read_name() {
    std::string name;
    while (at_ < text_.size() &&
           std::string_view(".[]{}()=?@ '\"").find(text_[at_]) == std::string_view::npos) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;  // "\." is part of a name
      name += text_[at_++];
    }
    if (name.empty()) problem_ = "a name is missing";
    return name;
  }

  std::string read_quoted() {
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      problem_ = "the quote does not end";
      return {};
    }
    std::string quoted(text_.substr(at_, end - at_));
    at_ = end + 1;
    return quoted;
  }

  std::int64_t read_index() {
    std::int64_t index = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), index);
    if (error != std::errc())
      problem_ = "a number is missing (one value is wanted: no '*', no ':')";
    at_ += static_cast<std::size_t>(end - begin);
    return index;
  }

  JsonPath::Filter read_filter() {
    JsonPath::Filter filter;
    while (problem_.empty() && take('.')) filter.names.push_back(read_name());
    while (take(' ')) continue;
    if (problem_.empty() && (filter.names.empty() || !take("==")))
      problem_ = "'.name==' is missing";
    while (take(' ')) continue;
    if (!problem_.empty()) return filter;
    const bool quoted = at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"');
    filter.value = quoted ? read_quoted() : read_name();
    while (take(' ')) continue;
    if (problem_.empty() && !take(")]")) problem_ = "')]' is missing";
    return filter;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
};

namespace {

const json* member_of(const json& value, const std::string& name) {
  const auto found = value.find(name);  // of what is no object: its end
  return found == value.end() ? nullptr : &*found;
}

std::string written(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) { return JsonPathReader(text).read(); }

json JsonPath::find(const json& object) const {
  const json* at = &object;
  const auto matches = [](const Filter& filter, const json& element) {
    const json* value = &element;
    for (const std::string& name : filter.names) {
      if (value != nullptr) value = member_of(*value, name);
    }
    return value != nullptr && written(*value) == filter.value;
  };
  for (const Part& part : parts_) {
    const json* next = nullptr;
    if (const auto* name = std::get_if<std::string>(&part)) {
      next = member_of(*at, *name);
    } else if (const auto* index = std::get_if<std::int64_t>(&part)) {
      const auto size = at->is_array() ? static_cast<std::int64_t>(at->size()) : 0;
      const std::int64_t place = *index < 0 ? size + *index : *index;
      if (place >= 0 && place < size) next = &(*at)[static_cast<std::size_t>(place)];
    } else if (at->is_array()) {
      for (const json& element : *at) {
        if (next == nullptr && matches(std::get<Filter>(part), element)) next = &element;
      }
    }
    if (next == nullptr) return {};
    at = next;
  }
  return *at;
}

}  // namespace scanflow::kube
