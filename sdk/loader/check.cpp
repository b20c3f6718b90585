#include "sdk/loader/check.hpp"

#include <fmt/format.h>
#include <scanflow/abi/infer.h>
#include <scanflow/abi/step.h>
#include <scanflow/abi/strategy.h>
#include <scanflow/abi/trigger.h>

#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "sdk/loader/commands.hpp"
#include "sdk/loader/library.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::loader {

namespace {

using Problems = std::vector<std::string>;

constexpr const char* kNobodys = "nobody.offers.this/1";

/// A host without extensions: what every plugin must stand.
struct BareHost {
  scanflow_host abi{SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR, sizeof(scanflow_host), 0, this, &log,
                    &set_error,         &get_extension};
  std::string error;
  static void log(const scanflow_host*, std::int32_t, scanflow_view) noexcept {}
  static void set_error(const scanflow_host* host, scanflow_view message) noexcept {
    static_cast<BareHost*>(host->ctx)->error.assign(message.ptr, message.len);
  }
  static const void* get_extension(const scanflow_host*, const char*) noexcept { return nullptr; }
};

void check_exports(const std::filesystem::path& library, Problems& problems) {
  try {
    for (const auto& name : exported_symbols(library)) {
      if (name == SCANFLOW_PLUGIN_SYMBOL) continue;
      problems.push_back(
          fmt::format("it exports {}; export nothing but scanflow_plugin: build it "
                      "with scanflow_add_plugin",
                      name));
    }
  } catch (const std::runtime_error& error) {
    problems.push_back(fmt::format("its symbols cannot be read: {}", error.what()));
  }
}

bool same_text(const char* a, const char* b) {
  return std::string_view(a == nullptr ? "" : a) == std::string_view(b == nullptr ? "" : b);
}

bool same(const scanflow_descriptor* a, const scanflow_descriptor* b) {
  return a != nullptr && b != nullptr && same_text(a->id, b->id) &&
         same_text(a->version, b->version) && same_text(a->summary, b->summary);
}

/// The instance of a plugin whose configuration may be left empty.
template <class Instance>
void check_instance(const Instance& instance, const scanflow_descriptor* from_factory,
                    const PluginInfo& plugin, Problems& problems) {
  if (instance.descriptor == nullptr || instance.destroy == nullptr ||
      instance.get_extension == nullptr) {
    problems.push_back(fmt::format("the instance of {} has a null function", plugin.id));
    return;
  }
  if (!same(instance.descriptor(&instance), from_factory)) {
    problems.push_back(
        fmt::format("the instance and the factory describe {} differently", plugin.id));
  }
  if (instance.get_extension(&instance, kNobodys) != nullptr) {
    problems.push_back(fmt::format(
        "the instance of {} offers the unknown extension {}; answer null", plugin.id, kNobodys));
  }
}

/// What it says of its commands, and that it knows no others. None is carried out.
void check_commands(scanflow_step& step, const PluginInfo& plugin, Problems& problems) {
  const auto* extension =
      static_cast<const scanflow_step_commands*>(step.get_extension(&step, SCANFLOW_STEP_COMMANDS));
  if (extension == nullptr) {
    if (plugin.commands.empty()) return;
    problems.push_back(fmt::format("{} describes commands, but does not offer {}", plugin.id,
                                   SCANFLOW_STEP_COMMANDS));
    return;
  }
  if (!SCANFLOW_HAS(extension, scanflow_step_commands, execute) || extension->list == nullptr ||
      extension->execute == nullptr) {
    problems.push_back(fmt::format("{} of {} has a null function, or ends too soon",
                                   SCANFLOW_STEP_COMMANDS, plugin.id));
    return;
  }
  const char* said = extension->list(&step);
  const auto list = parse_commands(said == nullptr ? "" : said);
  if (!list) {
    problems.push_back(fmt::format("the commands of {}: {}", plugin.id, list.error().message));
  } else if (*list != plugin.commands) {
    problems.push_back(
        fmt::format("the instance and the descriptor of {} list different commands", plugin.id));
  }
  const scanflow_sink nowhere = {
      nullptr, [](void*, const char*, std::uint64_t) -> std::int32_t { return SCANFLOW_FAILED; }};
  const scanflow_view name = {kNobodys, std::strlen(kNobodys)};
  if (extension->execute(&step, name, {"{}", 2}, nowhere) != SCANFLOW_UNSUPPORTED) {
    problems.push_back(
        fmt::format("{} carries out the command {}, which it does not list; answer "
                    "SCANFLOW_UNSUPPORTED",
                    plugin.id, kNobodys));
  }
}

/// Whether it serves online is said alike by instance and descriptor.
void check_infer(const scanflow_step& step, const PluginInfo& plugin, Problems& problems) {
  const auto* extension =
      static_cast<const scanflow_step_infer*>(step.get_extension(&step, SCANFLOW_STEP_INFER));
  if ((extension != nullptr) != plugin.serves) {
    problems.push_back(fmt::format("the descriptor of {} says that it {} {}, but its instance {}",
                                   plugin.id, plugin.serves ? "offers" : "does not offer",
                                   SCANFLOW_STEP_INFER, plugin.serves ? "does not" : "does"));
  } else if (extension != nullptr && (!SCANFLOW_HAS(extension, scanflow_step_infer, infer) ||
                                      extension->load == nullptr || extension->infer == nullptr)) {
    problems.push_back(fmt::format("{} of {} has a null function, or ends too soon",
                                   SCANFLOW_STEP_INFER, plugin.id));
  }
}

template <class Factory, class Instance>
class FactoryChecker {
 public:
  FactoryChecker(const Factory& factory, Problems& problems)
      : factory_(factory), problems_(problems) {}

  void check(std::uint32_t index, const PluginInfo& plugin) {
    json defaults = json::object();
    if (!validate(plugin.config_schema, defaults).empty()) return;  // needs a configuration
    BareHost host;
    auto* instance = create(host, plugin, defaults);
    if (instance == nullptr) {
      // May need an extension of the host's already now; then it must say so.
      if (host.error.empty()) {
        problems_.push_back(
            fmt::format("create of {} refuses its own defaults and does not say why", plugin.id));
      }
      return;
    }
    check_instance(*instance, factory_.descriptor(index), plugin, problems_);
    if constexpr (std::is_same_v<Instance, scanflow_step>) {
      check_commands(*instance, plugin, problems_);
      check_infer(*instance, plugin, problems_);
    }
    instance->destroy(instance);
    check_unknown_key(plugin, defaults);
  }

  void check_ends() {
    if (factory_.descriptor(factory_.count()) != nullptr) {
      problems_.emplace_back("a factory's descriptor beyond its count is not null");
    }
    BareHost host;
    Instance* instance = nullptr;
    if (factory_.create(&host.abi, "nobody.is.called.this", {"{}", 2}, &instance) == SCANFLOW_OK) {
      problems_.emplace_back("a factory creates plugins that it does not list");
    }
  }

 private:
  Instance* create(BareHost& host, const PluginInfo& plugin, const json& config) {
    const auto text = config.dump();
    Instance* instance = nullptr;
    const auto status =
        factory_.create(&host.abi, plugin.id.c_str(), {text.data(), text.size()}, &instance);
    if (status != SCANFLOW_OK && instance != nullptr) {
      problems_.push_back(fmt::format("create of {} failed, but touched its result", plugin.id));
    }
    return status == SCANFLOW_OK ? instance : nullptr;
  }

  void check_unknown_key(const PluginInfo& plugin, json config) {
    config["nobody-has-this-field"] = 1;
    auto checked = config;
    if (validate(plugin.config_schema, checked).empty()) return;  // an open object
    BareHost host;
    auto* instance = create(host, plugin, config);
    if (instance == nullptr) return;
    problems_.push_back(
        fmt::format("create of {} takes a field that its schema does not have", plugin.id));
    instance->destroy(instance);
  }

  const Factory& factory_;
  Problems& problems_;
};

template <class Factory, class Instance>
void check_factory(const Library& library, const char* id, Kind kind, Problems& problems) {
  const auto* factory = static_cast<const Factory*>(library.factory(id));
  if (factory == nullptr) return;
  FactoryChecker<Factory, Instance> checker(*factory, problems);
  std::uint32_t index = 0;
  for (const auto& plugin : library.info().plugins) {
    if (plugin.kind == kind) checker.check(index++, plugin);
  }
  checker.check_ends();
}

}  // namespace

std::vector<std::string> check_library(const std::filesystem::path& library) {
  Problems problems;
  const auto loaded = Library::load(library);
  if (!loaded) return {loaded.error().message};
  check_exports(library, problems);
  if ((*loaded)->factory(kNobodys) != nullptr) {
    problems.push_back(fmt::format("get_factory answers the unknown id {}; answer null", kNobodys));
  }
  if ((*loaded)->info().plugins.empty()) {
    problems.emplace_back("it offers no plugin at all");
  }
  check_factory<scanflow_step_factory, scanflow_step>(**loaded, SCANFLOW_STEP_FACTORY, Kind::step,
                                                      problems);
  check_factory<scanflow_trigger_factory, scanflow_trigger>(**loaded, SCANFLOW_TRIGGER_FACTORY,
                                                            Kind::trigger, problems);
  check_factory<scanflow_strategy_factory, scanflow_strategy>(**loaded, SCANFLOW_STRATEGY_FACTORY,
                                                              Kind::strategy, problems);
  return problems;
}

}  // namespace scanflow::loader
