// Which C++ types a configuration field may have, and what they are in JSON Schema.
#pragma once

#include <concepts>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace scanflow {
inline namespace sdk {
namespace detail {

template <class T>
struct IsVector : std::false_type {};
template <class E>
struct IsVector<std::vector<E>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class E>
struct IsOptional<std::optional<E>> : std::true_type {};

/// What a constraint of a field speaks about: the element of a list, the value of an optional.
template <class T>
struct Element {
  using type = T;
};
template <class E>
struct Element<std::vector<E>> {
  using type = E;
};
template <class E>
struct Element<std::optional<E>> {
  using type = typename Element<E>::type;
};

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;
template <class T>
concept Text = std::same_as<T, std::string> || std::same_as<T, std::filesystem::path>;
struct AnyVisitor {
  template <class T>
  struct Field;
  template <class T>
  Field<T>& operator()(const char* name, T& value);
};
/// A struct with a `fields` of its own: a nested object.
template <class T>
concept Described = std::is_class_v<T> && requires {
  &T::template fields<AnyVisitor>;
};

/// Calls `check` with each value that a constraint of a field speaks about.
template <class T, class Check>
void each_element(const T& value, const Check& check) {
  if constexpr (IsVector<T>::value) {
    for (const auto& element : value) check(element);
  } else if constexpr (IsOptional<T>::value) {
    if (value) each_element(*value, check);
  } else {
    check(value);
  }
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
