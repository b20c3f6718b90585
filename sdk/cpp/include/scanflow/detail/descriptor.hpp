// The descriptor of one plugin class, built once and kept for the life of the library.
#pragma once

#include <scanflow/abi/plugin.h>

#include <scanflow/commands.hpp>
#include <scanflow/config.hpp>
#include <scanflow/description.hpp>
#include <scanflow/infer.hpp>

namespace scanflow {
inline namespace sdk {
namespace detail {

struct NoConfig {
  template <class V>
  void fields(V&) {}
};
template <class Plugin>
struct ConfigOf {
  using type = NoConfig;
};
template <class Plugin>
requires requires { typename Plugin::Config; }
struct ConfigOf<Plugin> {
  using type = typename Plugin::Config;
};

/// Owns the strings that a scanflow_descriptor points to. Neither copied nor moved.
class OwnedDescriptor {
 public:
  OwnedDescriptor(Description description, const nlohmann::json& config,
                  const nlohmann::json& commands, const char* serves)
      : description_(std::move(description)),
        config_schema_(config.dump()),
        input_schema_(input_schema(description_).dump()),
        output_schema_(output_schema(description_).dump()),
        primitives_(nlohmann::json(description_.primitives).dump()),
        commands_(commands.dump()) {
    abi_.struct_size = sizeof(scanflow_descriptor);
    abi_.id = description_.id.c_str();
    abi_.version = description_.version.c_str();
    abi_.summary = description_.summary.c_str();
    abi_.config_schema = config_schema_.c_str();
    abi_.input_schema = input_schema_.c_str();
    abi_.output_schema = output_schema_.c_str();
    abi_.primitives = primitives_.c_str();
    if (!commands.empty()) abi_.commands = commands_.c_str();
    abi_.serves = serves;
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;

  const scanflow_descriptor* abi() const { return &abi_; }

 private:
  Description description_;
  std::string config_schema_, input_schema_, output_schema_, primitives_, commands_;
  scanflow_descriptor abi_{};
};

/// May throw what Plugin::describe throws; SCANFLOW_PLUGIN's init calls it first and reports that.
template <class Plugin>
const scanflow_descriptor* descriptor_of() {
  static const OwnedDescriptor descriptor(
      Plugin::describe(), config_schema<typename ConfigOf<Plugin>::type>(),
      commands_of<Plugin>().list(),
      std::is_base_of_v<Inference, Plugin> ? SCANFLOW_STEP_INFER : nullptr);
  return descriptor.abi();
}

/// Makes the plugin object from the JSON text of its configuration.
template <class Plugin>
Plugin make_plugin(std::string_view config) {
  const auto document =
      config.empty() ? nlohmann::json::object() : nlohmann::json::parse(config, nullptr, false);
  if (document.is_discarded()) throw Error("the configuration is not JSON");
  using Config = typename ConfigOf<Plugin>::type;
  auto read = read_config<Config>(document);
  if constexpr (std::same_as<Config, NoConfig>) {
    return Plugin();
  } else {
    return Plugin(std::move(read));
  }
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
