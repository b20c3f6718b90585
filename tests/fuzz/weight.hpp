// The bytes of memory that a message takes, with all that its strings, vectors and maps hold.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "sidecar/protocol/fields.hpp"

namespace scanflow::fuzz {

/// Beyond the object itself.
template <class T>
std::size_t held(const T& value);

inline std::size_t held(const std::string& text) { return text.capacity(); }
inline std::size_t held(const protocol::Bytes& bytes) { return held(bytes.data); }
inline std::size_t held(const std::map<std::string, std::string>& values) {
  std::size_t sum = 0;
  for (const auto& [key, value] : values) sum += 2 * sizeof key + 32 + held(key) + held(value);
  return sum;
}
template <class T>
std::size_t held(const std::vector<T>& values) {
  std::size_t sum = values.capacity() * sizeof(T);
  for (const T& value : values) sum += held(value);
  return sum;
}
template <class T>
std::size_t held(const T& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return 0;
  } else {
    return std::apply([](const auto&... member) { return (std::size_t{0} + ... + held(member)); },
                      protocol::fields(const_cast<T&>(value)));
  }
}

inline std::size_t weight(const protocol::Message& message) {
  return sizeof message + held(message.header) +
         std::visit([](const auto& body) { return held(body); }, message.body);
}

}  // namespace scanflow::fuzz
