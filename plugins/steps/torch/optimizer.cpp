#include "plugins/steps/torch/optimizer.hpp"

#include <fmt/format.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

#include <sstream>
#include <stdexcept>

namespace scanflow::cnn {
namespace {

Shapes optimizer_shapes(const Network& network) {
  Shapes shapes;
  for (const auto& item : network.named_parameters()) {
    shapes[item.key()] = item.value().sizes().vec();
  }
  return shapes;
}

}  // namespace

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Hyperparameters& h,
                                                        Network& network) {
  if (h.optimizer == "sgd") {
    return std::make_unique<torch::optim::SGD>(
        network.parameters(), torch::optim::SGDOptions(h.learning_rate).momentum(h.momentum));
  }
  if (h.optimizer == "adam") {
    return std::make_unique<torch::optim::Adam>(network.parameters(),
                                                torch::optim::AdamOptions(h.learning_rate));
  }
  throw std::runtime_error(
      fmt::format("unknown optimizer '{}'; there are sgd and adam", h.optimizer));
}

std::string tensors_of(const Network& network, const torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  torch::serialize::OutputArchive weights(archive.compilation_unit());
  network.save(weights);
  archive.write("network", weights);
  torch::serialize::OutputArchive memory(archive.compilation_unit());
  optimizer.save(memory);
  archive.write("optimizer", memory);
  std::ostringstream out;
  archive.save_to(out);
  return std::move(out).str();
}

void set_tensors(const std::string& bytes, Network& network, torch::optim::Optimizer& optimizer) {
  const Shapes expected = optimizer_shapes(network);
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(bytes.data(), bytes.size());
    torch::serialize::InputArchive weights;
    archive.read("network", weights);
    network.load(weights);
    torch::serialize::InputArchive memory;
    archive.read("optimizer", memory);
    optimizer.load(memory);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw std::runtime_error(text.substr(0, text.find('\n')));
  }
  // The archive does not compare them.
  if (optimizer_shapes(network) != expected)
    throw std::runtime_error("its weights have other shapes");
}

}  // namespace scanflow::cnn
