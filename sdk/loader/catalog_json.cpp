// A library's description as JSON: what the index beside it, the cache and `describe` hold.
#include <fmt/format.h>

#include "sdk/loader/catalog.hpp"

namespace scanflow::loader {

namespace {

constexpr int kFormat = 1;

json to_json(const PluginInfo& plugin) {
  return {{"kind", name(plugin.kind)},
          {"id", plugin.id},
          {"version", plugin.version},
          {"summary", plugin.summary},
          {"config_schema", plugin.config_schema},
          {"input_schema", plugin.input_schema},
          {"output_schema", plugin.output_schema},
          {"primitives", plugin.primitives},
          {"commands", plugin.commands},
          {"serves", plugin.serves}};
}

/// Throws json::exception or std::invalid_argument for what is not a description.
PluginInfo plugin_from_json(const json& document, const LibraryInfo& library) {
  PluginInfo plugin;
  const auto& kind = document.at("kind").get_ref<const std::string&>();
  if (kind == "step") {
    plugin.kind = Kind::step;
  } else if (kind == "trigger") {
    plugin.kind = Kind::trigger;
  } else if (kind == "strategy") {
    plugin.kind = Kind::strategy;
  } else {
    throw std::invalid_argument("unknown kind '" + kind + "'");
  }
  plugin.id = document.at("id");
  plugin.version = document.at("version");
  plugin.summary = document.at("summary");
  plugin.config_schema = document.at("config_schema");
  plugin.input_schema = document.at("input_schema");
  plugin.output_schema = document.at("output_schema");
  plugin.primitives = document.at("primitives");
  plugin.commands = document.value("commands", json::array());  // written before there were any
  plugin.serves = document.value("serves", false);
  plugin.library = library.path;
  plugin.library_sha256 = library.sha256;
  return plugin;
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::step:
      return "step";
    case Kind::trigger:
      return "trigger";
    case Kind::strategy:
      return "strategy";
  }
  return "";
}

json to_json(const LibraryInfo& library) {
  json plugins = json::array();
  for (const auto& plugin : library.plugins) plugins.push_back(to_json(plugin));
  return {{"format", kFormat},
          {"path", library.path.string()},
          {"id", library.id},
          {"version", library.version},
          {"build", library.build},
          {"sha256", library.sha256},
          {"abi", {library.abi_major, library.abi_minor}},
          {"plugins", std::move(plugins)}};
}

Result<LibraryInfo> library_from_json(const json& document) {
  try {
    if (document.at("format") != kFormat) {
      return fail(
          fmt::format("a description of format {}, this version reads {}; write it again "
                      "with scanflow-describe index",
                      document.at("format").dump(), kFormat));
    }
    LibraryInfo library;
    library.path = document.at("path").get<std::string>();
    library.id = document.at("id");
    library.version = document.at("version");
    library.build = document.at("build");
    library.sha256 = document.at("sha256");
    library.abi_major = document.at("abi").at(0);
    library.abi_minor = document.at("abi").at(1);
    for (const auto& plugin : document.at("plugins")) {
      library.plugins.push_back(plugin_from_json(plugin, library));
    }
    return library;
  } catch (const std::exception& error) {
    return fail(fmt::format("not a description of a plugin library: {}", error.what()));
  }
}

}  // namespace scanflow::loader
