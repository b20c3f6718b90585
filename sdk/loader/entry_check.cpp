#include "sdk/loader/entry_check.hpp"

#include <fmt/format.h>
#include <scanflow/abi/infer.h>
#include <scanflow/abi/step.h>
#include <scanflow/abi/strategy.h>
#include <scanflow/abi/trigger.h>

#include <algorithm>

#include "sdk/loader/commands.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::loader {

namespace {

/// The three factories have the same beginning; create is not touched here.
struct FactoryHead {
  std::uint32_t struct_size;
  std::uint32_t reserved;
  std::uint32_t (*count)(void);
  const scanflow_descriptor* (*descriptor)(std::uint32_t index);
  void (*create)(void);
};
static_assert(sizeof(FactoryHead) == sizeof(scanflow_step_factory));
static_assert(offsetof(FactoryHead, descriptor) == offsetof(scanflow_step_factory, descriptor));
static_assert(offsetof(FactoryHead, descriptor) == offsetof(scanflow_trigger_factory, descriptor));
static_assert(offsetof(FactoryHead, descriptor) == offsetof(scanflow_strategy_factory, descriptor));

constexpr std::uint32_t kMaxPlugins = 1000;  // beyond that, count() answers garbage

bool is_plugin_id(std::string_view id) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !id.empty() && id.front() >= 'a' && id.front() <= 'z' && id.size() <= 100 &&
         std::all_of(id.begin(), id.end(), good);
}

/// A string of a descriptor: "" where it is null or the struct ends before it.
#define SCANFLOW_READ(descriptor, field)                                                    \
  (SCANFLOW_HAS(&(descriptor), scanflow_descriptor, field) && (descriptor).field != nullptr \
       ? std::string_view((descriptor).field)                                               \
       : std::string_view())

/// {} for "none"; else the parsed and checked schema.
Result<json> read_schema(std::string_view text, const char* which, const std::string& where) {
  if (text.empty()) return json::object();
  json schema;
  try {
    schema = json::parse(text);
  } catch (const json::exception& error) {  // malformed, or a number is too large
    return fail(fmt::format("{}: its {} is not JSON: {}; correct the descriptor", where, which,
                            error.what()));
  }
  if (auto good = check_schema(schema); !good) {
    return fail(fmt::format("{}: its {} is not valid at {}", where, which, good.error().message));
  }
  if (schema.value("type", json()) != "object") {
    return fail(fmt::format("{}: its {} must be of type object", where, which));
  }
  return schema;
}

Result<json> read_primitives(std::string_view text, const std::string& where) {
  if (text.empty()) return json::array();
  auto list = json::parse(text, nullptr, false);
  const auto is_text = [](const json& name) { return name.is_string(); };
  if (list.is_array() && std::all_of(list.begin(), list.end(), is_text)) return list;
  return fail(fmt::format("{}: its primitives are not a JSON array of names: {:.60}", where, text));
}

Result<PluginInfo> read_descriptor(const scanflow_descriptor* descriptor, Kind kind,
                                   std::uint32_t index, const std::string& where) {
  const auto place = fmt::format("{}: {} {}", where, name(kind), index);
  if (descriptor == nullptr) {
    return fail(
        fmt::format("{}: its descriptor is null although count() is above {}; return one, "
                    "or count fewer",
                    place, index));
  }
  if (!SCANFLOW_HAS(descriptor, scanflow_descriptor, summary)) {
    return fail(
        fmt::format("{}: its descriptor's struct_size is {}, at least {} is needed; set it "
                    "to sizeof(scanflow_descriptor)",
                    place, descriptor->struct_size, offsetof(scanflow_descriptor, config_schema)));
  }
  PluginInfo info;
  info.kind = kind;
  info.id = SCANFLOW_READ(*descriptor, id);
  if (!is_plugin_id(info.id)) {
    return fail(
        fmt::format("{}: '{}' cannot be a plugin's id; use lower-case letters, digits, "
                    "'.', '-' and '_', beginning with a letter",
                    place, info.id));
  }
  const auto plugin = fmt::format("{}: {} '{}'", where, name(kind), info.id);
  info.version = SCANFLOW_READ(*descriptor, version);
  if (info.version.empty()) {
    return fail(
        fmt::format("{}: it has no version; give it one (\"1.0.0\"): it is part of the "
                    "cache key",
                    plugin));
  }
  info.summary = SCANFLOW_READ(*descriptor, summary);
  auto config = read_schema(SCANFLOW_READ(*descriptor, config_schema), "config_schema", plugin);
  auto input = read_schema(SCANFLOW_READ(*descriptor, input_schema), "input_schema", plugin);
  auto output = read_schema(SCANFLOW_READ(*descriptor, output_schema), "output_schema", plugin);
  auto primitives = read_primitives(SCANFLOW_READ(*descriptor, primitives), plugin);
  for (const auto* read : {&config, &input, &output, &primitives}) {
    if (!*read) return fail(read->error().message);
  }
  const auto said = SCANFLOW_READ(*descriptor, commands);
  auto commands = said.empty() ? Result<json>(json::array()) : parse_commands(said);
  if (!commands) return fail(fmt::format("{}: its commands: {}", plugin, commands.error().message));
  info.commands = std::move(*commands);
  info.serves = SCANFLOW_READ(*descriptor, serves) == SCANFLOW_STEP_INFER;
  info.config_schema = std::move(*config);
  info.input_schema = std::move(*input);
  info.output_schema = std::move(*output);
  info.primitives = std::move(*primitives);
  return info;
}
#undef SCANFLOW_READ

Result<void> read_factory(const scanflow_plugin_entry& entry, const char* factory_id, Kind kind,
                          const std::string& where, std::vector<PluginInfo>& plugins) {
  const auto* factory = static_cast<const FactoryHead*>(entry.get_factory(factory_id));
  if (factory == nullptr) return {};
  if (factory->struct_size < sizeof(FactoryHead) || factory->count == nullptr ||
      factory->descriptor == nullptr || factory->create == nullptr) {
    return fail(
        fmt::format("{}: its factory {} is incomplete (struct_size {}, at least {} is "
                    "needed, and no null function)",
                    where, factory_id, factory->struct_size, sizeof(FactoryHead)));
  }
  const auto count = factory->count();
  if (count > kMaxPlugins) {
    return fail(fmt::format("{}: its factory {} says it has {} plugins; at most {} are read", where,
                            factory_id, count, kMaxPlugins));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    auto info = read_descriptor(factory->descriptor(i), kind, i, where);
    if (!info) return fail(info.error().message);
    const auto same = [&](const PluginInfo& other) { return other.id == info->id; };
    if (std::any_of(plugins.begin(), plugins.end(), same)) {
      return fail(fmt::format("{}: it has two plugins '{}'; rename one", where, info->id));
    }
    plugins.push_back(std::move(*info));
  }
  return {};
}

}  // namespace

Result<void> check_entry(const scanflow_plugin_entry& entry, const std::string& where) {
  if (entry.abi_major != SCANFLOW_ABI_MAJOR) {
    return fail(fmt::format(
        "{}: it was built for plugin ABI {}.{}, this host speaks {}.{}; rebuild "
        "it against this version's SDK",
        where, entry.abi_major, entry.abi_minor, SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR));
  }
  if (entry.abi_minor > SCANFLOW_ABI_MINOR) {
    return fail(fmt::format(
        "{}: it needs plugin ABI {}.{} or later, this host speaks {}.{}; "
        "upgrade scanflow, or rebuild the plugin against the older SDK",
        where, entry.abi_major, entry.abi_minor, SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR));
  }
  if (!SCANFLOW_HAS(&entry, scanflow_plugin_entry, get_factory)) {
    return fail(
        fmt::format("{}: its struct_size is {}, at least {} is needed; set it to "
                    "sizeof(scanflow_plugin_entry)",
                    where, entry.struct_size, sizeof(scanflow_plugin_entry)));
  }
  if (entry.id == nullptr || *entry.id == '\0') {
    return fail(fmt::format("{}: scanflow_plugin.id is null; name the library", where));
  }
  if (entry.get_factory == nullptr) {
    return fail(
        fmt::format("{}: scanflow_plugin.get_factory is null; a library must answer it", where));
  }
  return {};
}

Result<LibraryInfo> read_entry(const scanflow_plugin_entry& entry, const std::string& where) {
  LibraryInfo info;
  const auto text = [](const char* value) { return value == nullptr ? "" : value; };
  info.id = text(entry.id);
  info.version = text(entry.version);
  info.build = text(entry.build);
  info.abi_major = entry.abi_major;
  info.abi_minor = entry.abi_minor;
  const std::pair<const char*, Kind> factories[] = {{SCANFLOW_STEP_FACTORY, Kind::step},
                                                    {SCANFLOW_TRIGGER_FACTORY, Kind::trigger},
                                                    {SCANFLOW_STRATEGY_FACTORY, Kind::strategy}};
  for (const auto& [id, kind] : factories) {
    if (auto read = read_factory(entry, id, kind, where, info.plugins); !read) {
      return fail(read.error().message);
    }
  }
  return info;
}

}  // namespace scanflow::loader
