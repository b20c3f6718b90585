// Values of a configuration that are more than their schema says.
#pragma once

#include <fmt/format.h>

#include <scanflow/error.hpp>
#include <stdexcept>

namespace scanflow {

/// What `read` gives of a field; its std::invalid_argument becomes Invalid, with the field's name.
template <class Read>
auto config_value(const char* field, const Read& read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw Invalid(fmt::format("{}: {}", field, error.what()));
  }
}

}  // namespace scanflow
