// Crossing the C boundary: views, sinks, and exceptions that end here.
#pragma once

#include <scanflow/abi/host.h>
#include <scanflow/abi/types.h>

#include <cstring>
#include <scanflow/error.hpp>
#include <string>
#include <string_view>

namespace scanflow {
inline namespace sdk {
namespace detail {

inline std::string_view text(scanflow_view view) {
  return view.ptr == nullptr ? std::string_view() : std::string_view(view.ptr, view.len);
}
inline scanflow_view view(std::string_view text) { return {text.data(), text.size()}; }

/// A sink that appends to a std::string; refuses what does not fit into memory.
inline scanflow_sink into(std::string& text) {
  return {&text, [](void* ctx, const char* data, std::uint64_t len) -> std::int32_t {
            try {
              if (len != 0) static_cast<std::string*>(ctx)->append(data, len);
              return SCANFLOW_OK;
            } catch (...) {
              return SCANFLOW_FAILED;
            }
          }};
}

/// Writes to a sink of the host's; throws Error where the host refuses more.
inline void write(const scanflow_sink& sink, std::string_view data, const char* what) {
  if (sink.write(sink.ctx, data.data(), data.size()) != SCANFLOW_OK) {
    throw Error(std::string("the host refused ") + what + " (" + std::to_string(data.size()) +
                " bytes): it is over the host's limit");
  }
}

inline void set_error(const scanflow_host* host, std::string_view message) noexcept {
  if (host != nullptr && SCANFLOW_HAS(host, scanflow_host, set_error)) {
    host->set_error(host, view(message));
  }
}

/// The host's extension `id`, or null where this host does not offer it.
template <class Extension>
const Extension* extension(const scanflow_host* host, const char* id) {
  if (host == nullptr || !SCANFLOW_HAS(host, scanflow_host, get_extension)) return nullptr;
  return static_cast<const Extension*>(host->get_extension(host, id));
}

/// Runs `body` (which returns a status) and turns whatever it throws into a status and a text.
template <class Body>
std::int32_t guarded(const scanflow_host* host, const Body& body) noexcept {
  try {
    return body();
  } catch (const Cancelled&) {
    return SCANFLOW_CANCELLED;
  } catch (const Retryable& error) {
    set_error(host, error.what());
    return SCANFLOW_RETRYABLE;
  } catch (const Invalid& error) {
    set_error(host, error.what());
    return SCANFLOW_INVALID;
  } catch (const std::exception& error) {
    set_error(host, error.what());
    return SCANFLOW_FAILED;
  } catch (...) {
    set_error(host, "the plugin threw something that is not a std::exception");
    return SCANFLOW_FAILED;
  }
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
