// Reads a configuration from JSON by its `fields`. The host has checked it before; it is checked
// again here, so that a plugin never works with what it did not describe.
#pragma once

#include <limits>
#include <scanflow/detail/field_types.hpp>
#include <scanflow/error.hpp>
#include <set>

namespace scanflow {
inline namespace sdk {
namespace detail {

template <class T>
void read_object(const nlohmann::json& document, const std::string& path, T& config);

[[noreturn]] inline void refuse(const std::string& path, const std::string& why) {
  throw Error(path + ": " + why);
}

template <class T>
void read_integer(const nlohmann::json& from, const std::string& path, T& into) {
  if (!from.is_number_integer()) refuse(path, "expected an integer, got " + from.dump());
  const bool is_unsigned = from.is_number_unsigned();
  const bool fits = is_unsigned ? std::in_range<T>(from.get<std::uint64_t>())
                                : std::in_range<T>(from.get<std::int64_t>());
  if (!fits) refuse(path, from.dump() + " is out of range");
  into = from.get<T>();
}

template <class T>
void read_value(const nlohmann::json& from, const std::string& path, T& into) {
  if constexpr (std::same_as<T, nlohmann::json>) {
    into = from;
  } else if constexpr (std::same_as<T, bool>) {
    if (!from.is_boolean()) refuse(path, "expected true or false, got " + from.dump());
    into = from.get<bool>();
  } else if constexpr (Integer<T>) {
    read_integer(from, path, into);
  } else if constexpr (std::floating_point<T>) {
    if (!from.is_number()) refuse(path, "expected a number, got " + from.dump());
    into = from.get<T>();
  } else if constexpr (Text<T>) {
    if (!from.is_string()) refuse(path, "expected text, got " + from.dump());
    into = from.get_ref<const std::string&>();
  } else if constexpr (IsVector<T>::value) {
    if (!from.is_array()) refuse(path, "expected a list, got " + from.dump());
    into.clear();
    for (std::size_t i = 0; i < from.size(); ++i) {
      typename T::value_type element{};
      read_value(from[i], path + "[" + std::to_string(i) + "]", element);
      into.push_back(std::move(element));
    }
  } else if constexpr (IsOptional<T>::value) {
    into.reset();
    if (!from.is_null()) read_value(from, path, into.emplace());
  } else {
    read_object(from, path, into);
  }
}

/// What `f("name", value)` gives while the configuration is read: each call checks.
template <class T>
class ReadField {
 public:
  using Value = typename Element<T>::type;

  ReadField(const T& value, std::string path, bool given)
      : value_(value), path_(std::move(path)), given_(given) {}

  ReadField& doc(const std::string&) { return *this; }
  ReadField& required() {
    if (!given_) refuse(path_, "missing, and it has no default");
    return *this;
  }
  ReadField& one_of(std::initializer_list<Value> values) {
    return check("is not one of the allowed values", [&](const auto& value) {
      return std::find(values.begin(), values.end(), value) != values.end();
    });
  }
  template <class N>
  ReadField& min(N least) {
    return check("is below the minimum " + text(least),
                 [&](const auto& value) { return value >= static_cast<Value>(least); });
  }
  template <class N>
  ReadField& max(N most) {
    return check("is above the maximum " + text(most),
                 [&](const auto& value) { return value <= static_cast<Value>(most); });
  }
  template <class N>
  ReadField& above(N bound) {
    return check("must be above " + text(bound),
                 [&](const auto& value) { return value > static_cast<Value>(bound); });
  }
  ReadField& min_length(std::size_t bytes) {
    return check("is shorter than " + text(bytes) + " characters",
                 [&](const auto& value) { return std::string(value).size() >= bytes; });
  }
  ReadField& max_length(std::size_t bytes) {
    return check("is longer than " + text(bytes) + " characters",
                 [&](const auto& value) { return std::string(value).size() <= bytes; });
  }
  ReadField& min_items(std::size_t count) {
    if (given_ && value_.size() < count) refuse(path_, "has fewer than " + text(count) + " items");
    return *this;
  }
  ReadField& max_items(std::size_t count) {
    if (given_ && value_.size() > count) refuse(path_, "has more than " + text(count) + " items");
    return *this;
  }

 private:
  template <class V>
  static std::string text(const V& value) {
    return nlohmann::json(value).dump();
  }
  template <class Holds>
  ReadField& check(const std::string& problem, const Holds& holds) {
    if (!given_) return *this;
    each_element(value_, [&](const auto& value) {
      if (!holds(value)) refuse(path_, text(value) + " " + problem);
    });
    return *this;
  }

  const T& value_;
  std::string path_;  // "with.layers.width": for errors
  bool given_;
};

/// The visitor that `fields` is called with to read a configuration.
class ReadVisitor {
 public:
  ReadVisitor(const nlohmann::json& document, std::string path)
      : document_(document), path_(std::move(path)) {}

  template <class T>
  ReadField<T> operator()(const char* name, T& value) {
    known_.insert(name);
    const std::string path = path_ + "." + name;
    const auto found = document_.find(name);
    if (found != document_.end()) read_value(*found, path, value);
    return ReadField<T>(value, path, found != document_.end());
  }

  void refuse_unknown() const {
    for (const auto& [key, value] : document_.items()) {
      if (!known_.contains(key)) refuse(path_, "unknown field '" + key + "'");
    }
  }

 private:
  const nlohmann::json& document_;
  std::string path_;
  std::set<std::string> known_;
};

template <class T>
void read_object(const nlohmann::json& document, const std::string& path, T& config) {
  if (!document.is_object()) refuse(path, "expected an object, got " + document.dump());
  ReadVisitor visitor(document, path);
  config.fields(visitor);
  visitor.refuse_unknown();
}

}  // namespace detail

/// Throws Error ("with.epochs: ...") for what the description does not allow.
template <class Config>
Config read_config(const nlohmann::json& document) {
  Config config;
  detail::read_object(document, "with", config);
  return config;
}

}  // namespace sdk
}  // namespace scanflow
