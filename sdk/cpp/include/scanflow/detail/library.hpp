// SCANFLOW_PLUGIN: the one exported symbol, and the factories behind it.
#pragma once

#include <scanflow/abi/plugin.h>

#include <array>
#include <cstring>
#include <scanflow/detail/boundary.hpp>
#include <scanflow/detail/descriptor.hpp>

namespace scanflow {
inline namespace sdk {
namespace detail {

/// The factory of the plugins among `Plugins` that are of `Kind` (StepKind, ...).
template <class Kind, class... Plugins>
class FactoryOf {
  using Instance = typename Kind::Instance;
  struct Record {
    const scanflow_descriptor* (*descriptor)() = nullptr;
    std::int32_t (*create)(const scanflow_host*, std::string_view, Instance**) = nullptr;
  };
  template <class Plugin>
  static constexpr bool kMatches = std::is_same_v<typename Plugin::PluginKind, Kind>;
  static constexpr std::size_t kCount = (0 + ... + (kMatches<Plugins> ? 1 : 0));

  template <class Plugin>
  static constexpr void append(std::array<Record, kCount>& records, std::size_t& next) {
    if constexpr (kMatches<Plugin>) {
      records[next++] = {&descriptor_of<Plugin>, &Kind::template Trampoline<Plugin>::create};
    }
  }
  static constexpr std::array<Record, kCount> make_records() {
    std::array<Record, kCount> records{};
    std::size_t next = 0;
    (append<Plugins>(records, next), ...);
    return records;
  }
  static constexpr std::array<Record, kCount> kRecords = make_records();

  static std::uint32_t count() noexcept { return static_cast<std::uint32_t>(kCount); }

  static const scanflow_descriptor* descriptor(std::uint32_t index) noexcept {
    try {
      return index < kCount ? kRecords[index].descriptor() : nullptr;
    } catch (...) {
      return nullptr;  // init has reported it
    }
  }

  static std::int32_t create(const scanflow_host* host, const char* id, scanflow_view config,
                             Instance** out) noexcept {
    return guarded(host, [&]() -> std::int32_t {
      for (const auto& record : kRecords) {
        if (std::strcmp(record.descriptor()->id, id) == 0) {
          return record.create(host, text(config), out);
        }
      }
      set_error(host, std::string("this library has no plugin '") + id + "' of that kind");
      return SCANFLOW_INVALID;
    });
  }

 public:
  static constexpr typename Kind::Factory kTable = {sizeof(typename Kind::Factory), 0, &count,
                                                    &descriptor, &create};
};

template <class... Plugins>
struct Library {
  static std::int32_t init(const scanflow_host* host) noexcept {
    return guarded(host, []() -> std::int32_t {
      (descriptor_of<Plugins>(), ...);
      return SCANFLOW_OK;
    });
  }
  static void deinit() noexcept {}
  static const void* get_factory(const char* id) noexcept {
    const void* found = nullptr;
    ((std::strcmp(id, Plugins::PluginKind::kFactoryId) == 0
          ? void(found = &FactoryOf<typename Plugins::PluginKind, Plugins...>::kTable)
          : void()),
     ...);
    return found;
  }
};

#if defined(__clang__)
inline constexpr const char* kBuild = __VERSION__;
#else
inline constexpr const char* kBuild = "g++ " __VERSION__;
#endif
/// The least minor version of the host's ABI that this layer needs.
inline constexpr std::uint32_t kNeedsMinor = 0;

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow

/// Once per library, at namespace scope: SCANFLOW_PLUGIN("torch", "1.0.0", Train, Evaluate)
#define SCANFLOW_PLUGIN(library_id, library_version, ...)                                        \
  extern "C" __attribute__((visibility("default"))) const scanflow_plugin_entry scanflow_plugin; \
  constinit const scanflow_plugin_entry scanflow_plugin = {                                      \
      SCANFLOW_ABI_MAJOR,                                                                        \
      ::scanflow::detail::kNeedsMinor,                                                           \
      sizeof(scanflow_plugin_entry),                                                             \
      0,                                                                                         \
      library_id,                                                                                \
      library_version,                                                                           \
      ::scanflow::detail::kBuild,                                                                \
      &::scanflow::detail::Library<__VA_ARGS__>::init,                                           \
      &::scanflow::detail::Library<__VA_ARGS__>::deinit,                                         \
      &::scanflow::detail::Library<__VA_ARGS__>::get_factory};
