// Steps that serve online, for the tests of serving: each does one thing.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <scanflow/step.hpp>
#include <stdexcept>
#include <thread>

namespace {

using nlohmann::json;
using scanflow::DataType;
using scanflow::Loading;
using scanflow::Shape;
using scanflow::Signature;
using scanflow::TensorOutputs;
using scanflow::Tensors;

/// x (rows of two) -> y = factor * x. "model", where it is given, is a file with the factor.
struct ScaleConfig {
  double factor = 2;
  std::int64_t delay_ms = 0;
  std::int64_t load_ms = 0;
  std::string load_when;
  bool batchable = true;
  template <class V>
  void fields(V& f) {
    f("factor", factor).doc("of each element");
    f("delay_ms", delay_ms).min(0).doc("that a call takes");
    f("load_ms", load_ms).min(0).doc("that loading takes");
    f("load_when", load_when).doc("a file: loading ends when it is there");
    f("batchable", batchable).doc("whether rows may be put together");
  }
};
class Scale : public scanflow::Step, public scanflow::Inference {
 public:
  using Config = ScaleConfig;
  static scanflow::Description describe() {
    return {.id = "test.scale",
            .version = "1.0.0",
            .summary = "Multiplies",
            .inputs = {{"model", "a file with the factor", scanflow::optional}}};
  }
  explicit Scale(Config config) : config_(config) {}
  json run(scanflow::Context&) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(config_.load_ms));
    while (!config_.load_when.empty() && !std::filesystem::exists(config_.load_when))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (loading.has_input("model")) {
      std::ifstream in(loading.input("model"));
      if (!(in >> config_.factor)) throw scanflow::Error("the model holds no number");
    }
    const std::int64_t rows = config_.batchable ? -1 : 1;
    return {.inputs = {{"x", DataType::fp32, {rows, 2}}},
            .outputs = {{"y", DataType::fp32, {rows, 2}}, {"calls", DataType::int64, {rows}}},
            .batchable = config_.batchable};
  }
  /// 666 fails, 667 is the request's fault, 668 ends the process, 669 takes ten seconds.
  void infer(const Tensors& inputs, TensorOutputs& outputs) override {
    const auto x = inputs["x"];
    std::vector<float> y;
    for (const float value : x.values<float>()) {
      if (value == 666) throw scanflow::Error("the model failed");
      if (value == 667) throw scanflow::Invalid("667 is not a number that this model takes");
      if (value == 668) std::abort();
      if (value == 669) std::this_thread::sleep_for(std::chrono::seconds(10));
      y.push_back(value * static_cast<float>(config_.factor));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(config_.delay_ms));
    outputs.put("y", x.shape(), std::span<const float>(y));
    const std::vector<std::int64_t> calls(static_cast<std::size_t>(x.shape()[0]), ++calls_);
    outputs.put("calls", Shape{x.shape()[0]}, std::span<const std::int64_t>(calls));
  }

 private:
  Config config_;
  std::int64_t calls_ = 0;
};

/// A router: the branch of the number in `x`'s first element.
class Branch : public scanflow::Step, public scanflow::Inference {
 public:
  static scanflow::Description describe() {
    return {.id = "test.branch", .version = "1.0.0", .summary = "Routes by the first element"};
  }
  json run(scanflow::Context&) override { throw_serves_online_only(); }
  Signature load(const Loading&) override { return {}; }
  void infer(const Tensors& inputs, TensorOutputs& outputs) override {
    const std::vector<std::int64_t> route = {
        static_cast<std::int64_t>(inputs["x"].values<float>()[0])};
    outputs.put("route", Shape{1}, std::span<const std::int64_t>(route));
  }
};

/// Gives back whatever came, of any type, with its name.
class Mirror : public scanflow::Step, public scanflow::Inference {
 public:
  static scanflow::Description describe() {
    return {.id = "test.mirror", .version = "1.0.0", .summary = "Gives back what came"};
  }
  json run(scanflow::Context&) override { throw_serves_online_only(); }
  Signature load(const Loading&) override { return {}; }
  void infer(const Tensors& inputs, TensorOutputs& outputs) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) outputs.put(inputs.at(i));
  }
};

}  // namespace

SCANFLOW_PLUGIN("online", "1.0.0", Scale, Branch, Mirror)
