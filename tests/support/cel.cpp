#include "tests/support/cel.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <stdexcept>
#include <vector>

namespace scanflow::test::cel {
namespace {

using nlohmann::json;

const json kNothing;

/// Parses and evaluates in one go; what is not to be evaluated (the other branch) is only parsed.
class Evaluation {
 public:
  Evaluation(const std::string& text, const Scope& scope) : text_(text), scope_(scope) {}

  json whole() {
    json value = ternary();
    if (!at_end()) error("something follows");
    return value;
  }

 private:
  [[noreturn]] void error(const std::string& what) const {
    throw std::runtime_error(what + " at \"" + text_.substr(at_, 60) + "\"");
  }

  // --- characters

  void blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool at_end() {
    blanks();
    return at_ == text_.size();
  }
  bool peek(std::string_view token) {
    blanks();
    return text_.compare(at_, token.size(), token) == 0;
  }
  bool take(std::string_view token) {
    if (!peek(token)) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) error("expected " + std::string(token));
  }
  std::string identifier() {
    blanks();
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    if (begin == at_) error("expected a name");
    return text_.substr(begin, at_ - begin);
  }

  // --- operators, from the weakest to the strongest

  bool truth(const json& value) const {
    if (skip_ > 0) return false;
    if (!value.is_boolean()) error("no truth: " + value.dump());
    return value.get<bool>();
  }

  template <class Parse>
  json unless(bool skipped, Parse parse) {
    skip_ += skipped ? 1 : 0;
    json value = parse();
    skip_ -= skipped ? 1 : 0;
    return value;
  }

  json ternary() {
    json value = disjunction();
    if (!take("?")) return value;
    const bool condition = truth(value);
    json first = unless(!condition, [&] { return ternary(); });
    expect(":");
    json second = unless(condition, [&] { return ternary(); });
    return condition ? first : second;
  }
  json disjunction() {
    json value = conjunction();
    while (take("||")) {
      const bool known = truth(value);
      json right = unless(known, [&] { return conjunction(); });
      value = known || truth(right);
    }
    return value;
  }
  json conjunction() {
    json value = relation();
    while (take("&&")) {
      const bool open = truth(value);
      json right = unless(!open, [&] { return relation(); });
      value = open && truth(right);
    }
    return value;
  }
  json relation() {
    json left = sum();
    for (const char* token : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!take(token)) continue;
      const json right = sum();
      const std::string_view op = token;
      if (op == "==") return left == right;
      if (op == "!=") return left != right;
      if (skip_ == 0 && !(left.is_number() && right.is_number())) error("numbers are compared");
      if (op == "<=") return left <= right;
      if (op == ">=") return left >= right;
      return op == "<" ? left < right : left > right;
    }
    if (peek("in ") && take("in")) {
      const json right = sum();
      if (skip_ > 0) return false;
      if (right.is_object()) return right.contains(left.get<std::string>());
      return std::find(right.begin(), right.end(), left) != right.end();
    }
    return left;
  }
  json sum() {
    json left = product();
    while (true) {
      if (take("+")) {
        left = plus(left, product());
      } else if (take("-")) {
        const json right = product();
        if (skip_ == 0) left = left.get<std::int64_t>() - right.get<std::int64_t>();
      } else {
        return left;
      }
    }
  }
  json plus(const json& left, const json& right) const {
    if (skip_ > 0) return {};
    if (left.is_string() && right.is_string())
      return left.get<std::string>() + right.get<std::string>();
    if (left.is_number_integer() && right.is_number_integer())
      return left.get<std::int64_t>() + right.get<std::int64_t>();
    if (!left.is_array() || !right.is_array()) error("cannot add");
    json all = left;
    all.insert(all.end(), right.begin(), right.end());
    return all;
  }
  json product() {
    json left = unary();
    while (take("*")) {
      const json right = unary();
      if (skip_ == 0) left = left.get<std::int64_t>() * right.get<std::int64_t>();
    }
    return left;
  }
  json unary() {
    if (peek("!") && !peek("!=") && take("!")) {
      const json value = unary();
      return skip_ > 0 ? json() : json(!truth(value));
    }
    return postfix();
  }

  // --- values

  /// Names and what is in them are looked at where they are; other values lie in `room`.
  json postfix() {
    json room;
    const json* value = &primary(room);
    while (true) {
      if (take(".")) {
        const std::string name = identifier();
        if (take("(")) {
          room = call(*value, name);
          value = &room;
        } else {
          value = &field(*value, name);
        }
      } else if (take("[")) {
        const json key = ternary();
        expect("]");
        value = &element(*value, key);
      } else {
        return *value;
      }
    }
  }
  const json& field(const json& value, const std::string& name) const {
    if (skip_ > 0) return kNothing;
    if (!value.is_object() || !value.contains(name)) error("no such field: " + name);
    return value.at(name);
  }
  const json& element(const json& value, const json& key) const {
    if (skip_ > 0) return kNothing;
    if (value.is_object()) return field(value, key.get<std::string>());
    if (!value.is_array() || key.get<std::size_t>() >= value.size()) error("no such element");
    return value[key.get<std::size_t>()];
  }

  json call(const json& self, const std::string& name) {
    if (name == "startsWith") {
      const json prefix = ternary();
      expect(")");
      return skip_ == 0 && self.get<std::string>().starts_with(prefix.get<std::string>());
    }
    if (name != "exists" && name != "filter" && name != "map") error("no such method: " + name);
    return macro(self, name);
  }

  /// The body is parsed once for each element, and once without any where there are none.
  json macro(const json& self, const std::string& name) {
    const std::string variable = identifier();
    expect(",");
    const std::size_t body = at_;
    json elements = json::array();  // of a map its keys
    if (skip_ == 0 && self.is_object()) {
      for (const auto& [key, value] : self.items()) elements.push_back(key);
    } else if (skip_ == 0) {
      if (!self.is_array()) error("no list");
      elements = self;
    }
    json all = json::array();
    bool any = false;
    if (elements.empty()) unless(true, [&] { return with(variable, {}); });
    for (const json& each : elements) {
      at_ = body;
      const json value = with(variable, each);
      if (name == "map") all.push_back(value);
      if (name == "filter" && truth(value)) all.push_back(each);
      if (name == "exists") any = truth(value) || any;
    }
    expect(")");
    return name == "exists" ? json(any) : all;
  }
  json with(const std::string& variable, const json& value) {
    locals_.emplace_back(variable, value);
    json result = ternary();
    locals_.pop_back();
    return result;
  }

  const json& primary(json& room) {
    blanks();
    if (at_ == text_.size()) error("it ends");
    const char c = text_[at_];
    if (c == '"') return room = string_literal();
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) return room = std::stoll(identifier());
    if (take("(")) {
      room = ternary();
      expect(")");
      return room;
    }
    if (take("[")) return room = list();
    if (take("{")) return room = map();
    const std::string name = identifier();
    if (name == "true" || name == "false") return room = name == "true";
    if (name == "Object" || name == "JSONPatch") return room = object(name);
    if (take("(")) return room = function(name);
    if (name == "jsonpatch") {
      expect(".escapeKey(");
      return room = escaped_key();
    }
    return named(name);
  }
  const json& named(const std::string& name) const {
    if (skip_ > 0) return kNothing;
    for (auto local = locals_.rbegin(); local != locals_.rend(); ++local) {
      if (local->first == name) return local->second;
    }
    return scope_(name);
  }
  json string_literal() {
    std::size_t end = at_ + 1;
    while (text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    const json value = json::parse(text_.substr(at_, end + 1 - at_));  // escapes are JSON's
    at_ = end + 1;
    return value;
  }
  json list() {
    json all = json::array();
    if (take("]")) return all;
    do all.push_back(ternary());
    while (take(","));
    expect("]");
    return all;
  }
  json map() {
    json all = json::object();
    if (take("}")) return all;
    do {
      const json key = ternary();
      expect(":");
      all[skip_ > 0 ? "" : key.get<std::string>()] = ternary();
    } while (take(","));
    expect("}");
    return all;
  }
  /// An object within another one must be of the type of the field that it is in.
  json object(std::string type) {
    while (take(".")) type += "." + identifier();
    if (!within_.empty() && type != within_.back() && !within_.back().empty())
      error(type + " where " + within_.back() + " belongs");
    expect("{");
    json all = json::object();
    if (take("}")) return all;
    do {
      const std::string name = identifier();
      expect(":");
      within_.push_back(type == "JSONPatch" ? "" : type + "." + name);
      all[name] = ternary();
      within_.pop_back();
    } while (take(","));
    expect("}");
    return all;
  }
  json escaped_key() {
    const json key = ternary();
    expect(")");
    std::string out;
    for (const char c : skip_ > 0 ? "" : key.get<std::string>())
      out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
  }
  json function(const std::string& name) {
    if (name == "has") return has();
    const json argument = ternary();
    expect(")");
    if (skip_ > 0) return {};
    if (name == "size") return argument.size();
    if (name == "string" && argument.is_number_integer()) return argument.dump();
    error("no such function: " + name);
  }
  /// Of a selection: what is before its last field must be there.
  json has() {
    json room;
    const json* before = &primary(room);
    while (true) {
      if (take("[")) {
        const json key = ternary();
        expect("]");
        before = &element(*before, key);
        continue;
      }
      expect(".");
      const std::string name = identifier();
      if (take(")")) return skip_ == 0 && before->contains(name);
      before = &field(*before, name);
    }
  }

  const std::string& text_;
  const Scope& scope_;
  std::size_t at_ = 0;
  int skip_ = 0;                                     // of what is only parsed
  std::deque<std::pair<std::string, json>> locals_;  // what is in it stays where it is
  std::vector<std::string> within_;
};

}  // namespace

json evaluate(const std::string& expression, const Scope& scope) {
  return Evaluation(expression, scope).whole();
}

json admit(const json& policy, json object, std::string* failed) {
  const json& spec = policy["spec"];
  json variables;
  const Scope scope = [&](const std::string& name) -> const json& {
    if (name == "object") return object;
    if (name == "variables") return variables;
    throw std::runtime_error("no such name: " + name);
  };
  for (const json& condition : spec["matchConditions"]) {
    if (evaluate(condition["expression"], scope) == json(true)) continue;
    *failed = condition["name"];
    return nullptr;
  }
  for (const json& mutation : spec["mutations"]) {
    variables = json::object();  // each sees those before it
    for (const json& each : spec["variables"])
      variables[each["name"].get<std::string>()] = evaluate(each["expression"], scope);
    object = object.patch(evaluate(mutation["jsonPatch"]["expression"], scope));
  }
  return object;
}

}  // namespace scanflow::test::cel
