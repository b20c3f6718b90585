// Runs a plugin in a test, across the same C boundary as in production, with a host in memory:
//
//   scanflow::testing::Harness harness;
//   const auto result = harness.run<Hello>({{"name", "Ada"}});
//   EXPECT_TRUE(result.ok()) << result.told.error;
//   EXPECT_EQ(result.outputs["greeting"], "hello, Ada");
#pragma once

#include <cstdlib>
#include <functional>
#include <scanflow/detail/fake_host.hpp>
#include <scanflow/step.hpp>
#include <scanflow/strategy.hpp>
#include <scanflow/trigger.hpp>
#include <thread>

namespace scanflow {
inline namespace sdk {
namespace testing {

struct CommandResult {
  std::int32_t status = SCANFLOW_FAILED;
  nlohmann::json value = nlohmann::json::object();
  std::string error;
  bool ok() const { return status == SCANFLOW_OK; }
};

/// A step that runs, as the host sees it meanwhile.
class Running {
 public:
  Running(scanflow_step* step, detail::FakeHost& host) : step_(step), host_(host) {}
  /// Blocks until the step has done it.
  CommandResult command(std::string_view name,
                        const nlohmann::json& arguments = nlohmann::json::object());
  void cancel() {
    static_cast<const scanflow_step_cancel*>(step_->get_extension(step_, SCANFLOW_STEP_CANCEL))
        ->cancel(step_);
  }
  Told told() const { return host_.told(); }  // so far

 private:
  scanflow_step* step_;
  detail::FakeHost& host_;
};

/// What a step gets beside its configuration.
struct Surroundings {
  std::map<std::string, std::filesystem::path> inputs = {};
  int threads = 1;
  bool cancelled = false;  // cancel comes before run
  bool extensions = true;  // false: a host that offers none
  nlohmann::json run_state = nlohmann::json::object();
  std::function<void(Running&)> beside = {};  // on a thread of its own, while the step runs
};

struct StepResult {
  std::int32_t status = SCANFLOW_FAILED;
  nlohmann::json outputs = nlohmann::json::object();
  Told told;
  bool ok() const { return status == SCANFLOW_OK; }
};

struct TriggerResult {
  std::int32_t status = SCANFLOW_FAILED;
  WakeResult wake;
  Told told;
  bool ok() const { return status == SCANFLOW_OK; }
};

struct StrategyResult {
  std::int32_t status = SCANFLOW_FAILED;
  Decision decision;
  Told told;
  bool ok() const { return status == SCANFLOW_OK; }
};

/// A tensor of a test's own.
struct TestTensor {
  std::string name;
  DataType type = DataType::fp32;
  Shape shape;
  std::vector<std::byte> bytes;

  template <class T>
  static TestTensor of(std::string name, Shape shape, const std::vector<T>& values) {
    const auto raw = std::as_bytes(std::span(values));
    return {std::move(name), data_type_of<T>(), std::move(shape), {raw.begin(), raw.end()}};
  }
  template <class T>
  std::vector<T> values() const {
    std::vector<T> list(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(list.data(), bytes.data(), list.size() * sizeof(T));
    return list;
  }
};

struct InferResult {
  std::int32_t status = SCANFLOW_FAILED;
  std::vector<TestTensor> outputs;
  std::string error;
  bool ok() const { return status == SCANFLOW_OK; }
  const TestTensor& operator[](std::string_view name) const {
    for (const auto& output : outputs)
      if (output.name == name) return output;
    throw Error("there is no output '" + std::string(name) + "'");
  }
};

/// A step that serves online, loaded.
class Serving {
 public:
  Serving(scanflow_step* step, detail::FakeHost& host) : step_(step), host_(host) {}
  InferResult infer(const std::vector<TestTensor>& inputs);

 private:
  scanflow_step* step_;
  detail::FakeHost& host_;
};

struct ServeResult {
  std::int32_t status = SCANFLOW_FAILED;
  nlohmann::json signature;
  Told told;
  bool ok() const { return status == SCANFLOW_OK; }
};

/// Artifacts, scratch and checkpoints lie in its directory, which it removes at its end: what one run
/// leaves in its checkpoint directory, the next run of the same harness finds.
class Harness {
 public:
  template <class Plugin>
  StepResult run(const nlohmann::json& config = nlohmann::json::object(),
                 const Surroundings& around = {});
  /// Loads it to serve online, and hands it to `use`.
  template <class Plugin>
  ServeResult serve(const nlohmann::json& config, const Surroundings& around,
                    const std::function<void(Serving&)>& use);
  template <class Plugin>
  TriggerResult wake(const nlohmann::json& config, const Wake& wake);
  template <class Plugin>
  StrategyResult decide(const nlohmann::json& config, const Evidence& evidence);

  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  template <class Plugin, class Kind, class Use>
  static std::int32_t with_instance(detail::FakeHost& host, const nlohmann::json& config,
                                    const Use& use);

  detail::TemporaryDirectory directory_;
};

/// Each write of a sink: one element.
inline scanflow_sink each_into(std::vector<std::string>& list) {
  return {&list, [](void* ctx, const char* data, std::uint64_t len) -> std::int32_t {
            static_cast<std::vector<std::string>*>(ctx)->emplace_back(data, len);
            return SCANFLOW_OK;
          }};
}

template <class Plugin, class Kind, class Use>
std::int32_t Harness::with_instance(detail::FakeHost& host, const nlohmann::json& config,
                                    const Use& use) {
  const auto& factory = detail::FactoryOf<Kind, Plugin>::kTable;
  const auto text = config.dump();
  typename Kind::Instance* instance = nullptr;
  auto status = factory.create(host.abi(), detail::descriptor_of<Plugin>()->id, detail::view(text),
                               &instance);
  if (status != SCANFLOW_OK) return status;
  status = use(instance);
  instance->destroy(instance);
  return status;
}

inline CommandResult Running::command(std::string_view name, const nlohmann::json& arguments) {
  const auto* extension = static_cast<const scanflow_step_commands*>(
      step_->get_extension(step_, SCANFLOW_STEP_COMMANDS));
  if (extension == nullptr) return {SCANFLOW_UNSUPPORTED, {}, "the step offers no commands"};
  CommandResult result;
  const std::string given = arguments.dump();
  std::string value;
  detail::FakeHost::command_error() = &result.error;
  result.status =
      extension->execute(step_, detail::view(name), detail::view(given), detail::into(value));
  detail::FakeHost::command_error() = nullptr;
  if (!value.empty()) result.value = nlohmann::json::parse(value);
  return result;
}

template <class Plugin>
StepResult Harness::run(const nlohmann::json& config, const Surroundings& around) {
  detail::FakeHost host(directory(), around.run_state, around.extensions);
  const auto scratch = directory() / "scratch";
  std::filesystem::create_directories(scratch);
  const std::string no_digest(64, '0');
  std::vector<scanflow_input> inputs;
  for (const auto& [name, path] : around.inputs) {
    inputs.push_back({detail::view(name), detail::view(path.native()), detail::view(no_digest)});
  }
  std::string outputs;
  scanflow_request request{};
  request.struct_size = sizeof request;
  request.run = detail::view("test-run");
  request.step = detail::view("test-step");
  request.attempt = 1;
  request.threads = static_cast<std::uint32_t>(around.threads);
  request.inputs = inputs.data();
  request.input_count = static_cast<std::uint32_t>(inputs.size());
  request.scratch = detail::view(scratch.native());
  request.outputs = detail::into(outputs);
  StepResult result;
  result.status = with_instance<Plugin, detail::StepKind>(host, config, [&](scanflow_step* step) {
    Running running(step, host);
    if (around.cancelled) running.cancel();
    std::thread beside;
    if (around.beside) beside = std::thread([&] { around.beside(running); });
    const auto status = step->run(step, &request);
    if (beside.joinable()) beside.join();
    return status;
  });
  if (!outputs.empty()) result.outputs = nlohmann::json::parse(outputs);
  result.told = host.take();
  return result;
}

inline InferResult Serving::infer(const std::vector<TestTensor>& inputs) {
  std::vector<scanflow_tensor> given;
  given.reserve(inputs.size());
  for (const auto& tensor : inputs) {
    given.push_back({sizeof(scanflow_tensor), static_cast<std::uint32_t>(tensor.type),
                     detail::view(tensor.name), tensor.shape.data(),
                     static_cast<std::uint32_t>(tensor.shape.size()), 0, tensor.bytes.data(),
                     tensor.bytes.size()});
  }
  InferResult result;
  const scanflow_tensor_sink sink = {&result.outputs,
                                     [](void* ctx, const scanflow_tensor* tensor) -> std::int32_t {
                                       const TensorView seen(*tensor);
                                       static_cast<std::vector<TestTensor>*>(ctx)->push_back(
                                           {std::string(seen.name()),
                                            seen.type(),
                                            {seen.shape().begin(), seen.shape().end()},
                                            {seen.bytes().begin(), seen.bytes().end()}});
                                       return SCANFLOW_OK;
                                     }};
  result.status =
      static_cast<const scanflow_step_infer*>(step_->get_extension(step_, SCANFLOW_STEP_INFER))
          ->infer(step_, given.data(), static_cast<std::uint32_t>(given.size()), sink);
  if (!result.ok()) result.error = host_.told().error;
  return result;
}

template <class Plugin>
ServeResult Harness::serve(const nlohmann::json& config, const Surroundings& around,
                           const std::function<void(Serving&)>& use) {
  detail::FakeHost host(directory(), around.run_state, around.extensions);
  const std::string no_digest(64, '0');
  std::vector<scanflow_input> inputs;
  for (const auto& [name, path] : around.inputs) {
    inputs.push_back({detail::view(name), detail::view(path.native()), detail::view(no_digest)});
  }
  std::string signature;
  const scanflow_load load = {sizeof load,
                              static_cast<std::uint32_t>(around.threads),
                              inputs.data(),
                              static_cast<std::uint32_t>(inputs.size()),
                              0,
                              detail::into(signature)};
  ServeResult result;
  result.status = with_instance<Plugin, detail::StepKind>(host, config, [&](scanflow_step* step) {
    const auto status =
        static_cast<const scanflow_step_infer*>(step->get_extension(step, SCANFLOW_STEP_INFER))
            ->load(step, &load);
    if (status != SCANFLOW_OK) return status;
    Serving serving(step, host);
    use(serving);
    return status;
  });
  if (!signature.empty()) result.signature = nlohmann::json::parse(signature);
  result.told = host.take();
  return result;
}

template <class Plugin>
TriggerResult Harness::wake(const nlohmann::json& config, const Wake& wake) {
  detail::FakeHost host(directory(), {}, false);
  const std::string event = wake.event.is_null() ? "" : wake.event.dump();
  std::vector<std::string> fires, states;
  std::int64_t next = 0;
  scanflow_wake request = {sizeof request,
                           static_cast<std::int32_t>(wake.reason),
                           wake.now_us,
                           detail::view(event),
                           detail::view(wake.state),
                           each_into(fires),
                           each_into(states)};
  TriggerResult result;
  result.status = with_instance<Plugin, detail::TriggerKind>(
      host, config,
      [&](scanflow_trigger* trigger) { return trigger->wake(trigger, &request, &next); });
  for (const auto& fire : fires) {
    result.wake.fires.push_back(nlohmann::json::parse(fire).at("evidence"));
  }
  if (next != std::numeric_limits<std::int64_t>::max()) result.wake.next_wake_us = next;
  if (!states.empty()) result.wake.state = states.back();
  result.told = host.take();
  return result;
}

template <class Plugin>
StrategyResult Harness::decide(const nlohmann::json& config, const Evidence& evidence) {
  detail::FakeHost host(directory(), {}, false);
  const std::string text = evidence.evidence.is_null() ? "" : evidence.evidence.dump();
  std::vector<std::string> actions, states;
  scanflow_decide request = {sizeof request,
                             0,
                             evidence.now_us,
                             detail::view(text),
                             detail::view(evidence.state),
                             each_into(actions),
                             each_into(states)};
  StrategyResult result;
  result.status = with_instance<Plugin, detail::StrategyKind>(
      host, config,
      [&](scanflow_strategy* strategy) { return strategy->decide(strategy, &request); });
  for (const auto& action : actions) {
    const auto document = nlohmann::json::parse(action);
    result.decision.actions.push_back({document.at("primitive"), document.at("target"),
                                       document.at("args"), document.value("reason", "")});
  }
  if (!states.empty()) result.decision.state = states.back();
  result.told = host.take();
  return result;
}

}  // namespace testing
}  // namespace sdk
}  // namespace scanflow
