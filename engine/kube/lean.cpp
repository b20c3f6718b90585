#include "engine/kube/lean.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::kube {

using nlohmann::json;

namespace {

/// Makes a document of what a parser says, but for the values of some keys: of those it makes nothing. (The
/// library's own filter makes a value of every key, to ask about it.)
class Builder {
 public:
  explicit Builder(LeaveOut leave_out) : leave_out_(leave_out) {}

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(json::number_integer_t value) { return put(value); }
  bool number_unsigned(json::number_unsigned_t value) { return put(value); }
  bool number_float(json::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(value); }
  bool binary(json::binary_t&) { return false; }  // is not in JSON
  bool key(std::string& name) {
    if (depth_ > 0) return true;
    passed_over_ = std::find(leave_out_.begin(), leave_out_.end(), name) != leave_out_.end();
    if (!passed_over_) field_ = &(*open_.back())[name];
    return true;
  }
  bool start_object(std::size_t) { return start(json::value_t::object); }
  bool start_array(std::size_t) { return start(json::value_t::array); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  static bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

  json whole;

 private:
  template <class Value>
  bool put(Value&& value) {
    if (is_passed_over()) return true;
    place() = std::forward<Value>(value);
    return true;
  }
  bool start(json::value_t type) {
    if (passed_over_ || depth_ > 0) {
      passed_over_ = false;
      ++depth_;
      return true;
    }
    json& at = place();
    at = json(type);
    open_.push_back(&at);
    return true;
  }
  bool end() {
    if (depth_ > 0) {
      --depth_;
    } else {
      open_.pop_back();
    }
    return true;
  }
  bool is_passed_over() { return std::exchange(passed_over_, false) || depth_ > 0; }
  /// Where the next value belongs. Elements of an array move when it grows, but only those that are closed.
  json& place() {
    if (open_.empty()) return whole;
    json& at = *open_.back();
    return at.is_object() ? *field_ : at.emplace_back();
  }

  const LeaveOut leave_out_;
  std::vector<json*> open_;   // objects and arrays, from the outermost
  json* field_ = nullptr;     // of the innermost object: for its next value
  bool passed_over_ = false;  // the next value is
  std::size_t depth_ = 0;     // within a value that is passed over
};

}  // namespace

json parse_lean(std::string_view text, LeaveOut leave_out) {
  Builder builder(leave_out);
  if (!json::sax_parse(text, &builder)) return json(json::value_t::discarded);
  return std::move(builder.whole);
}

}  // namespace scanflow::kube
