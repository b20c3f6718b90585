// Turns a configuration's `fields` into JSON Schema (the subset of sdk/abi/README.md).
#pragma once

#include <scanflow/detail/field_types.hpp>

namespace scanflow {
inline namespace sdk {

template <class Config>
nlohmann::json config_schema();

namespace detail {

template <class T>
nlohmann::json type_schema() {
  using nlohmann::json;
  if constexpr (std::same_as<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (Integer<T>) {
    return {{"type", "integer"}};
  } else if constexpr (std::floating_point<T>) {
    return {{"type", "number"}};
  } else if constexpr (Text<T>) {
    return {{"type", "string"}};
  } else if constexpr (std::same_as<T, json>) {
    return json::object();  // anything
  } else if constexpr (IsVector<T>::value) {
    return {{"type", "array"}, {"items", type_schema<typename T::value_type>()}};
  } else if constexpr (IsOptional<T>::value) {
    json schema = type_schema<typename T::value_type>();
    if (schema.contains("type")) schema["type"] = json::array({schema["type"], "null"});
    return schema;
  } else {
    return config_schema<T>();
  }
}

/// What `f("name", value)` gives while the schema is written: each call adds a keyword.
template <class T>
class SchemaField {
 public:
  using Value = typename Element<T>::type;

  SchemaField(nlohmann::json& schema, std::string name) : schema_(schema), name_(std::move(name)) {}

  SchemaField& doc(const std::string& text) {
    property()["description"] = text;
    return *this;
  }
  /// Has no default: the pipeline must give it.
  SchemaField& required() {
    property().erase("default");
    schema_["required"].push_back(name_);
    return *this;
  }
  SchemaField& one_of(std::initializer_list<Value> values) {
    auto& list = element()["enum"] = nlohmann::json::array();
    for (const auto& value : values) list.push_back(value);
    if constexpr (IsOptional<T>::value) list.push_back(nullptr);
    return *this;
  }
  template <class N>
  SchemaField& min(N least) {
    element()["minimum"] = least;
    return *this;
  }
  template <class N>
  SchemaField& max(N most) {
    element()["maximum"] = most;
    return *this;
  }
  /// Greater than `bound`, which itself is not allowed.
  template <class N>
  SchemaField& above(N bound) {
    element()["exclusiveMinimum"] = bound;
    return *this;
  }
  SchemaField& min_length(std::size_t bytes) {
    element()["minLength"] = bytes;
    return *this;
  }
  SchemaField& max_length(std::size_t bytes) {
    element()["maxLength"] = bytes;
    return *this;
  }
  SchemaField& min_items(std::size_t count) {
    property()["minItems"] = count;
    return *this;
  }
  SchemaField& max_items(std::size_t count) {
    property()["maxItems"] = count;
    return *this;
  }

 private:
  // Looked up each time: adding a property may move the others.
  nlohmann::json& property() { return schema_["properties"][name_]; }
  nlohmann::json& element() { return IsVector<T>::value ? property()["items"] : property(); }

  nlohmann::json& schema_;
  std::string name_;
};

/// The visitor that `fields` is called with to write the schema.
class SchemaVisitor {
 public:
  explicit SchemaVisitor(nlohmann::json& schema) : schema_(schema) {}

  template <class T>
  SchemaField<T> operator()(const char* name, T& initial) {
    auto& property = schema_["properties"][name] = type_schema<T>();
    if constexpr (Text<T>) {
      property["default"] = std::string(initial);
    } else if constexpr (!Described<T> && !IsOptional<T>::value &&
                         !Described<typename Element<T>::type>) {
      property["default"] = initial;
    }
    return SchemaField<T>(schema_, name);
  }

 private:
  nlohmann::json& schema_;
};

}  // namespace detail

/// The schema of a configuration: its fields, defaults being the initial values.
template <class Config>
nlohmann::json config_schema() {
  nlohmann::json schema = {{"type", "object"},
                           {"properties", nlohmann::json::object()},
                           {"additionalProperties", false}};
  Config initial;
  detail::SchemaVisitor visitor(schema);
  initial.fields(visitor);
  return schema;
}

}  // namespace sdk
}  // namespace scanflow
