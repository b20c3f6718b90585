#include "engine/infer/plugin_model.hpp"

#include <fmt/format.h>

#include <iostream>

#include "sdk/loader/library.hpp"

namespace scanflow::infer {
namespace {

/// Of pipelines it has nothing to offer.
class OnlineServices : public loader::HostServices {
 public:
  explicit OnlineServices(std::string node) : node_(std::move(node)) {}
  void log(std::int32_t, std::string_view text) override {
    std::cerr << fmt::format("{}: {}\n", node_, text);
  }
  void metric(std::string_view, double, std::int64_t, const std::map<std::string, std::string>&,
              bool) override {}
  void progress(double, std::string_view) override {}
  Result<std::string> artifact(std::string_view, bool) override {
    return fail("a service keeps no artifacts");
  }
  Result<std::string> run_state() override { return fail("a service is no run"); }
  Result<std::string> register_model(std::string_view) override {
    return fail("a service registers no models");
  }

 private:
  std::string node_;
};

class PluginModel : public Model {
 public:
  explicit PluginModel(const std::string& node) : services_(node), instance_(services_) {}
  loader::StepInstance& instance() { return instance_; }
  const loader::Signature& signature() const override { return instance_.signature(); }
  loader::InferOutcome infer(std::span<const loader::Tensor> inputs) override {
    return instance_.infer(inputs);
  }

 private:
  OnlineServices services_;
  loader::StepInstance instance_;
};

}  // namespace

Result<std::shared_ptr<Model>> load_plugin(const NodeDocument& node, const VersionDocument& version,
                                           std::uint32_t threads) {
  const auto failed = [&](const std::string& why) {
    return fail(fmt::format("the node '{}' ({}), version {}: {}", node.node.name, node.uses,
                            version.share.version, why));
  };
  const auto library = loader::Library::load(node.library);
  if (!library) return failed(library.error().message);
  auto model = std::make_shared<PluginModel>(node.node.name);
  const auto created = model->instance().create(**library, node.uses, node.with.dump());
  if (!created.ok()) return failed(created.error);
  std::vector<scanflow_input> inputs;
  if (!version.model.empty())
    inputs.push_back({loader::to_view("model"), loader::to_view(version.model), {}});
  const auto loaded = model->instance().load(inputs, threads);
  if (!loaded.ok()) return failed(loaded.error);
  return model;
}

}  // namespace scanflow::infer
