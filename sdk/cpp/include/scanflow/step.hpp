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
// One that serves online: derive from scanflow::Inference too (infer.hpp).
// With commands while it runs: `static void commands(scanflow::Commands<Hello>&);` (commands.hpp).
#pragma once

#include <scanflow/abi/step.h>

#include <scanflow/commands.hpp>
#include <scanflow/context.hpp>
#include <scanflow/detail/library.hpp>
#include <scanflow/infer.hpp>

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

/// One instance behind the C boundary: the ABI struct, the plugin, the flag that cancel sets, and
/// the commands that wait.
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
    const auto status = guarded(me.host_, [&]() -> std::int32_t {
      Context context(me.host_, *request, me.cancelled_, me.mailbox_);
      context.throw_if_cancelled();
      Step& plugin = me.plugin_;
      return write_outputs(plugin.run(context), request->outputs);
    });
    me.mailbox_.close();
    return status;
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
    self(step).mailbox_.wake();
  }

  static const char* list(const scanflow_step*) noexcept {
    return descriptor_of<Plugin>()->commands;
  }

  static std::int32_t execute(scanflow_step* step, scanflow_view name, scanflow_view arguments,
                              scanflow_sink result) noexcept {
    auto& me = self(step);
    const auto status = guarded(me.host_, [&]() -> std::int32_t {
      const auto* handler = commands_of<Plugin>().find(text(name));
      if (handler == nullptr) return SCANFLOW_UNSUPPORTED;
      const auto given = text(arguments).empty()
                             ? nlohmann::json::object()
                             : nlohmann::json::parse(text(arguments), nullptr, false);
      if (given.is_discarded()) throw Error("the arguments are not JSON");
      const auto answer = (*handler)(me.plugin_, me.mailbox_, given);
      if (answer.is_null()) return SCANFLOW_OK;
      const auto reply = answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      write(result, reply, "the answer");
      return SCANFLOW_OK;
    });
    if (status == SCANFLOW_CANCELLED) set_error(me.host_, "the step was cancelled");
    return status;
  }

  static std::int32_t load(scanflow_step* step, const scanflow_load* load) noexcept {
    auto& me = self(step);
    return guarded(me.host_, [&]() -> std::int32_t {
      Inference& inference = me.plugin_;
      write_signature(inference.load(Loading(*load)), load->signature);
      return SCANFLOW_OK;
    });
  }

  static std::int32_t infer(scanflow_step* step, const scanflow_tensor* inputs, std::uint32_t count,
                            scanflow_tensor_sink outputs) noexcept {
    auto& me = self(step);
    return guarded(me.host_, [&]() -> std::int32_t {
      TensorOutputs out(outputs);
      Inference& inference = me.plugin_;
      inference.infer(Tensors(inputs, count), out);
      return SCANFLOW_OK;
    });
  }

  static const void* get_extension(const scanflow_step*, const char* id) noexcept {
    static constexpr scanflow_step_cancel kCancel = {sizeof(scanflow_step_cancel), 0, &cancel};
    static constexpr scanflow_step_commands kCommands = {sizeof(scanflow_step_commands), 0, &list,
                                                         &execute};
    if (std::strcmp(id, SCANFLOW_STEP_CANCEL) == 0) return &kCancel;
    if constexpr (std::is_base_of_v<Inference, Plugin>) {
      static constexpr scanflow_step_infer kInfer = {sizeof(scanflow_step_infer), 0, &load, &infer};
      if (std::strcmp(id, SCANFLOW_STEP_INFER) == 0) return &kInfer;
    }
    const bool offers = requires(Commands<Plugin> & offer) { Plugin::commands(offer); };
    return offers && std::strcmp(id, SCANFLOW_STEP_COMMANDS) == 0 ? &kCommands : nullptr;
  }

  scanflow_step abi_ = {sizeof(scanflow_step), 0, this, &descriptor, &run, &destroy,
                        &get_extension};
  const scanflow_host* host_;
  std::atomic<bool> cancelled_ = false;
  Mailbox mailbox_;
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
