// A step: the work of a pipeline. Derive from scanflow::Step, describe, register:
//
//   class Hello : public scanflow::Step {
//    public:
//     static scanflow::Description describe() { return {.id = "hello", .version = "1.0.0"}; }
//     nlohmann::json run(scanflow::Context& context) override { return {{"greeting", "hello"}}; }
//   };
//   SCANFLOW_PLUGIN("hello", "1.0.0", Hello)
//
// With a configuration: `using Config = ...;` (config.hpp) and a constructor that takes it.
#pragma once

#include <scanflow/abi/step.h>

#include <scanflow/context.hpp>
#include <scanflow/detail/library.hpp>

namespace scanflow {
inline namespace sdk {

namespace detail {
struct StepKind;
}

class Step {
 public:
  using PluginKind = detail::StepKind;

  virtual ~Step() = default;
  /// Does the work of one attempt and returns its outputs, a JSON object of at most 1 MiB (null: no
  /// outputs; "summary": one line for people). Called once. Throws Error, Retryable or Cancelled;
  /// anything else that it throws fails the attempt too.
  virtual nlohmann::json run(Context& context) = 0;
};

namespace detail {

/// One instance behind the C boundary: the ABI struct, the plugin, and the flag that cancel sets.
template <class Plugin>
class StepTrampoline {
 public:
  static std::int32_t create(const scanflow_host* host, std::string_view config,
                             scanflow_step** out) {
    *out = &(new StepTrampoline(host, config))->abi_;
    return SCANFLOW_OK;
  }

 private:
  StepTrampoline(const scanflow_host* host, std::string_view config)
      : host_(host), plugin_(make_plugin<Plugin>(config)) {}

  static StepTrampoline& self(const scanflow_step* step) {
    return *static_cast<StepTrampoline*>(step->data);
  }

  static const scanflow_descriptor* descriptor(const scanflow_step*) noexcept {
    return descriptor_of<Plugin>();
  }

  static std::int32_t run(scanflow_step* step, const scanflow_request* request) noexcept {
    auto& me = self(step);
    return guarded(me.host_, [&]() -> std::int32_t {
      Context context(me.host_, *request, me.cancelled_);
      context.throw_if_cancelled();
      Step& plugin = me.plugin_;
      return write_outputs(plugin.run(context), request->outputs);
    });
  }

  static std::int32_t write_outputs(const nlohmann::json& outputs, scanflow_sink sink) {
    if (outputs.is_null() || (outputs.is_object() && outputs.empty())) return SCANFLOW_OK;
    if (!outputs.is_object()) {
      throw Error("the step returned " + std::string(outputs.type_name()) +
                  " as its outputs; return a JSON object");
    }
    // Bytes that are not UTF-8 (a file name, say) are replaced rather than failing finished work.
    const auto text = outputs.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (sink.write(sink.ctx, text.data(), text.size()) != SCANFLOW_OK) {
      throw Error("the host refused the outputs (" + std::to_string(text.size()) +
                  " bytes; at most 1 MiB): write large results as an artifact");
    }
    return SCANFLOW_OK;
  }

  static void destroy(scanflow_step* step) noexcept { delete &self(step); }

  static void cancel(scanflow_step* step) noexcept {
    self(step).cancelled_.store(true, std::memory_order_relaxed);
  }

  static const void* get_extension(const scanflow_step*, const char* id) noexcept {
    static constexpr scanflow_step_cancel kCancel = {sizeof(scanflow_step_cancel), 0, &cancel};
    return std::strcmp(id, SCANFLOW_STEP_CANCEL) == 0 ? &kCancel : nullptr;
  }

  scanflow_step abi_ = {sizeof(scanflow_step), 0, this, &descriptor, &run, &destroy,
                        &get_extension};
  const scanflow_host* host_;
  std::atomic<bool> cancelled_ = false;
  Plugin plugin_;
};

struct StepKind {
  using Instance = scanflow_step;
  using Factory = scanflow_step_factory;
  template <class Plugin>
  using Trampoline = StepTrampoline<Plugin>;
  static constexpr const char* kFactoryId = SCANFLOW_STEP_FACTORY;
};

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
