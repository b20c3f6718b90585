// The commands of a step that runs: the host's side of step.commands/1.
#include <fmt/format.h>

#include "sdk/loader/step_instance.hpp"

namespace scanflow::loader {

namespace {

constexpr const char* kNotYet = "the step is not running yet";
constexpr const char* kEnded = "the step has ended";

/// What a command answers; refuses what is over the bound.
scanflow_sink bounded(std::string& text) {
  return {&text, [](void* ctx, const char* data, std::uint64_t len) -> std::int32_t {
            try {
              auto& into = *static_cast<std::string*>(ctx);
              if (len > kMaxCommandText - into.size()) return SCANFLOW_FAILED;
              if (len != 0) into.append(data, len);
              return SCANFLOW_OK;
            } catch (...) {
              return SCANFLOW_FAILED;
            }
          }};
}

}  // namespace

/// One command inside the plugin: run does not return before it has left.
class StepInstance::Execution {
 public:
  explicit Execution(StepInstance& step) : step_(step) {
    const std::lock_guard lock(step_.mutex_);
    if (step_.commanding_ != Commanding::open) {
      refusal_ = step_.commanding_ == Commanding::closed ? kEnded : kNotYet;
    } else {
      ++step_.executing_;
    }
  }
  ~Execution() {
    if (refusal_ != nullptr) return;
    const std::lock_guard lock(step_.mutex_);
    if (--step_.executing_ == 0) step_.executed_.notify_all();
  }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  const char* refusal() const { return refusal_; }  // null: it may go on

 private:
  StepInstance& step_;
  const char* refusal_ = nullptr;
};

StepOutcome StepInstance::read_commands() {
  auto* step = step_.load();
  const auto* extension =
      static_cast<const scanflow_step_commands*>(step->get_extension(step, SCANFLOW_STEP_COMMANDS));
  if (extension != nullptr && SCANFLOW_HAS(extension, scanflow_step_commands, execute) &&
      extension->list != nullptr && extension->execute != nullptr) {
    const char* list = extension->list(step);
    auto commands = parse_commands(list == nullptr ? "" : list);
    if (!commands) {
      return {SCANFLOW_FAILED,
              fmt::format("the commands of {}: {}", id_, commands.error().message)};
    }
    commander_ = extension;
    commands_ = std::move(*commands);
  }
  const std::lock_guard lock(mutex_);
  commanding_ = Commanding::open;
  return {};
}

CommandAnswer StepInstance::execute(std::string_view name, std::string_view arguments) {
  const Execution execution(*this);  // from here on commands_ does not change
  if (execution.refusal() != nullptr) return command_failed(execution.refusal());
  const json* command = find_command(commands_, name);
  if (command == nullptr) return command_unsupported(name, commands_);
  const auto checked = read_arguments(*command, arguments);
  if (!checked) return command_failed(checked.error().message);
  return execute_now(name, checked->dump());
}

CommandAnswer StepInstance::execute_now(std::string_view name, const std::string& arguments) {
  std::string error;
  std::string text;
  std::int32_t status = SCANFLOW_FAILED;
  command_error() = &error;
  try {
    status = commander_->execute(step_.load(), to_view(name), to_view(arguments), bounded(text));
  } catch (...) {
    error = fmt::format("{} of {} threw across the boundary", name, id_);
  }
  command_error() = nullptr;
  if (status == SCANFLOW_UNSUPPORTED) return command_unsupported(name, json::array());
  if (status != SCANFLOW_OK) {
    return command_failed(!error.empty() ? error
                                         : fmt::format("{} of {} failed with status {} and did not "
                                                       "say why (its author should call set_error)",
                                                       name, id_, status));
  }
  if (text.empty()) return {"DONE"};
  const auto value = parse_bounded(text);
  if (value && value->is_object()) return {"DONE", value->dump()};
  return command_failed(fmt::format("{} of {} was done, but its answer is {}", name, id_,
                                    value ? "not a JSON object" : value.error().message));
}

/// Those that have begun end first; a plugin ends them when its run ends.
void StepInstance::end_commands() {
  std::unique_lock lock(mutex_);
  commanding_ = Commanding::closed;
  executed_.wait(lock, [this] { return executing_ == 0; });
}

}  // namespace scanflow::loader
