// Result: how fallible functions answer at boundaries. Exceptions are for broken invariants only.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace scanflow {

/// What went wrong, where, why, and the fix: text for a person.
struct Error {
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace scanflow
