// torch.train: trains a small network to read digits.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>
#include <string>
#include <utility>

namespace scanflow::cnn {

class TrainReporter;

struct TrainConfig {
  std::string model = "cnn1";
  std::int64_t epochs = 2;
  std::int64_t batch = 32;
  double learning_rate = 0.05;
  std::string optimizer = "sgd";
  double momentum = 0.9;
  std::string schedule = "cosine";
  std::int64_t seed = 1;
  std::int64_t checkpoint_every = 1;

  template <class V>
  void fields(V& f) {
    f("model", model).one_of({"cnn1", "cnn2"}).doc("small, or larger, slower and better");
    f("epochs", epochs).min(1).max(10'000).doc("passes over the training data");
    f("batch", batch).min(1).max(65'536).doc("digits for each step of the optimizer");
    f("learning_rate", learning_rate).above(0).max(1000).doc("0.05 suits sgd, 0.001 adam");
    f("optimizer", optimizer).one_of({"sgd", "adam"}).doc("how the weights are moved");
    f("momentum", momentum).min(0).max(0.9999).doc("of sgd; adam does not use it");
    f("schedule", schedule)
        .one_of({"cosine", "constant"})
        .doc("how the learning rate goes over the whole training: down to 0, or not at all");
    f("seed", seed).min(0).doc("same seed, data and threads: same weights, bit for bit");
    f("checkpoint_every", checkpoint_every)
        .min(0)
        .max(10'000)
        .doc("epochs after which another attempt can go on; 0: only where one asks for it");
  }
};

/// What set_param changes.
struct TrainParams {
  double learning_rate = 0;
  template <class V>
  void fields(V& f) {
    f("learning_rate", learning_rate)
        .required()
        .above(0)
        .max(1000)
        .doc("from the next batch on; with a schedule, what it goes down from");
  }
};

class Train : public Step {
 public:
  using Config = TrainConfig;
  static Description describe();
  static void commands(Commands<Train>& offer);
  explicit Train(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  void on_pause(Context& context, bool paused);
  nlohmann::json checkpoint(Context& context);
  nlohmann::json set_param(Context& context, const TrainParams& params);
  nlohmann::json stop_early(Context& context);

  TrainConfig config_;
  TrainReporter* reporter_ = nullptr;  // while it trains: commands come only then
};

}  // namespace scanflow::cnn
