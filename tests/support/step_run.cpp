#include "tests/support/step_run.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>

namespace scanflow::test {
namespace {

// Inputs are named in records by their digest; no test here looks at its value.
const std::string kDigest(64, 'a');

}  // namespace

StepRun::StepRun(const std::string& library, std::string id) : id_(std::move(id)) {
  const std::filesystem::path directory = SCANFLOW_BINARY_DIR "/lib/scanflow/plugins";
  auto loaded = loader::Library::load(directory / (library + ".so"));
  if (!loaded) throw std::runtime_error(loaded.error().message);
  library_ = std::move(*loaded);
}

StepRun& StepRun::with(nlohmann::json config) {
  config_ = std::move(config);
  return *this;
}

StepRun& StepRun::input(const std::string& name, const std::filesystem::path& path) {
  inputs_[name] = path.string();
  return *this;
}

StepRun& StepRun::threads(std::uint32_t count) {
  threads_ = count;
  return *this;
}

StepRun& StepRun::checkpoints(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  checkpoints_ = directory.string();
  return *this;
}

StepRun& StepRun::run_document(const nlohmann::json& document) {
  run_state_ = document.dump();
  return *this;
}

StepRun& StepRun::registry_answers(const nlohmann::json& reply) {
  registered_ = reply.dump();
  return *this;
}

StepRun& StepRun::cancel_at_first_progress() {
  cancel_ = true;
  return *this;
}

StepRun& StepRun::beside(std::function<void(loader::StepInstance&)> steer) {
  beside_ = std::move(steer);
  return *this;
}

std::vector<scanflow_input> StepRun::abi_inputs() const {
  std::vector<scanflow_input> inputs;
  for (const auto& [name, path] : inputs_) {
    inputs.push_back({loader::to_view(name), loader::to_view(path), loader::to_view(kDigest)});
  }
  return inputs;
}

StepRun& StepRun::online(const std::function<void(loader::StepInstance&)>& use) {
  loader::StepInstance instance(*this);
  outcome_ = instance.create(*library_, id_, config_.dump());
  if (outcome_.ok()) outcome_ = instance.load(abi_inputs(), threads_);
  if (outcome_.ok()) use(instance);
  return *this;
}

StepRun& StepRun::run() {
  const auto inputs = abi_inputs();
  loader::StepRequest request;
  request.run = "run";
  request.step = "step";
  request.threads = threads_;
  request.inputs = inputs;

  loader::StepInstance instance(*this);
  outcome_ = instance.create(*library_, id_, config_.dump());
  if (!outcome_.ok()) return *this;
  instance_ = &instance;
  std::thread beside;
  if (beside_) beside = std::thread([&] { beside_(instance); });
  outcome_ = instance.run(request);
  if (beside.joinable()) beside.join();
  instance_ = nullptr;
  return *this;
}

std::filesystem::path StepRun::artifact(const std::string& name) const { return directory_ / name; }

void StepRun::log(std::int32_t /*level*/, std::string_view text) { log_.emplace_back(text); }

void StepRun::metric(std::string_view name, double value, std::int64_t step,
                     const std::map<std::string, std::string>& labels, bool logged) {
  const std::lock_guard lock(mutex_);
  metrics_.push_back({std::string(name), value, step, labels, logged});
}

std::vector<Metric> StepRun::metrics() const {
  const std::lock_guard lock(mutex_);
  return metrics_;
}

std::vector<Metric> StepRun::metrics(const std::string& name) const {
  std::vector<Metric> some = metrics();
  std::erase_if(some, [&](const Metric& metric) { return metric.name != name; });
  return some;
}

bool StepRun::logged(const std::string& text) const {
  return std::any_of(log_.begin(), log_.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void StepRun::progress(double /*fraction*/, std::string_view message) {
  progress_.emplace_back(message);
  if (cancel_ && instance_ != nullptr) instance_->cancel();
}

Result<std::string> StepRun::artifact(std::string_view name, bool directory) {
  const auto path = directory_ / std::string(name);
  if (directory) std::filesystem::create_directory(path);
  return path.string();
}

Result<std::string> StepRun::run_state() { return run_state_; }

Result<std::string> StepRun::register_model(std::string_view request) {
  asked_ = request;
  return registered_;
}

}  // namespace scanflow::test
