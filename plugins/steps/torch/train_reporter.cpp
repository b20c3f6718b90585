#include "plugins/steps/torch/train_reporter.hpp"

#include <fmt/format.h>

#include <utility>

namespace scanflow::cnn {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{100};  // people read no faster

}  // namespace

TrainReporter::TrainReporter(Context& context, const Hyperparameters& hyperparameters,
                             std::int64_t checkpoint_every, std::string work)
    : context_(context),
      h_(hyperparameters),
      checkpoint_every_(checkpoint_every),
      work_(std::move(work)),
      directory_(context.checkpoint_directory()) {
  start_measuring();
}

void TrainReporter::begin_anew(const std::string& why) {
  context_.warning(
      fmt::format("{}: {}; the training begins anew", checkpoint_file(*directory_).string(), why));
  saved_epoch_ = 1;
  stop_ = false;
}

std::optional<Checkpoint> TrainReporter::find() {
  if (!directory_) return std::nullopt;
  FoundCheckpoint found = find_checkpoint(*directory_, work_);
  if (!found.ignored.empty()) begin_anew(found.ignored);
  if (!found.checkpoint) return std::nullopt;
  const Checkpoint& from = *found.checkpoint;
  context_.info(
      fmt::format("going on from a checkpoint: epoch {}/{}, batch {}, after {:.1f} s of training",
                  from.epoch, h_.epochs, from.batch + 1, from.seconds));
  saved_epoch_ = from.epoch;
  stop_ = from.stop_early;
  return std::move(found.checkpoint);
}

void TrainReporter::set_learning_rate(double rate) {
  rate_ = rate;
  context_.info(fmt::format("the learning rate is {} from here on", rate));
}

void TrainReporter::stop() {
  stop_ = true;
  context_.info("this epoch is the last one");
}

void TrainReporter::pause(bool paused) {
  if (paused) context_.observe("digits_per_second", 0);
  context_.info(paused ? "paused" : "resumed");
  start_measuring();
}

nlohmann::json TrainReporter::save() {
  if (!directory_)
    throw Error("this host keeps no checkpoints: it does not offer host.checkpoints/1");
  Checkpoint checkpoint = (*snapshot_)();
  checkpoint.learning_rate = learning_rate(checkpoint.learning_rate);  // asked for just before
  checkpoint.stop_early = stop_;
  const CheckpointFile file = write_checkpoint(*directory_, work_, checkpoint);
  saved_epoch_ = checkpoint.epoch;
  const auto size = static_cast<std::int64_t>(checkpoint.order.size());
  const std::int64_t batches = (size + h_.batch - 1) / h_.batch;
  const std::int64_t step = (checkpoint.epoch - 1) * batches + checkpoint.batch;
  context_.log_metric("checkpoint_bytes", static_cast<double>(file.bytes), step);
  context_.info(
      fmt::format("checkpoint: epoch {}, batch {}", checkpoint.epoch, checkpoint.batch + 1));
  return {{"path", file.path.string()},
          {"sha256", file.sha256},
          {"bytes", file.bytes},
          {"epoch", checkpoint.epoch},
          {"step", step}};
}

bool TrainReporter::cancelled() {
  try {
    context_.safe_point();
    return false;
  } catch (const Cancelled&) {
    if (directory_ && checkpoint_every_ > 0) try_to_save();
    return true;
  }
}

void TrainReporter::try_to_save() {
  try {
    save();
  } catch (const std::exception& error) {
    context_.warning(fmt::format("no checkpoint: {}", error.what()));
  }
}

void TrainReporter::on_epoch_begin(std::int64_t epoch) {
  if (!directory_ || checkpoint_every_ == 0 || epoch < saved_epoch_ + checkpoint_every_) return;
  saved_epoch_ = epoch;  // also where it cannot be done: the next one comes in time
  try_to_save();
}

void TrainReporter::start_measuring() {
  measured_ = std::chrono::steady_clock::now();
  digits_ = 0;
}

void TrainReporter::on_batch(const Batch& batch) {
  digits_ += batch.size;
  const auto now = std::chrono::steady_clock::now();
  if (now - measured_ < kProgressEvery) return;
  const double seconds = std::chrono::duration<double>(now - measured_).count();
  context_.observe("digits_per_second", static_cast<double>(digits_) / seconds);
  context_.observe("learning_rate", batch.learning_rate);
  context_.progress(batch.done,
                    fmt::format("epoch {}/{}  loss {:.3f}  accuracy {:.3f}", batch.epoch, h_.epochs,
                                batch.so_far.loss, batch.so_far.accuracy));
  start_measuring();
}

void TrainReporter::on_epoch(const Epoch& epoch) {
  context_.log_metric("loss", epoch.train.loss, epoch.number, {{"set", "train"}});
  context_.log_metric("accuracy", epoch.train.accuracy, epoch.number, {{"set", "train"}});
  context_.log_metric("learning_rate", epoch.learning_rate, epoch.number);
  std::string line = fmt::format("epoch {}/{}  loss {:.4f}  accuracy {:.4f}", epoch.number,
                                 h_.epochs, epoch.train.loss, epoch.train.accuracy);
  if (epoch.validation) {
    context_.log_metric("loss", epoch.validation->loss, epoch.number, {{"set", "validation"}});
    context_.log_metric("accuracy", epoch.validation->accuracy, epoch.number,
                        {{"set", "validation"}});
    line += fmt::format("  validation loss {:.4f}  accuracy {:.4f}", epoch.validation->loss,
                        epoch.validation->accuracy);
  }
  context_.info(fmt::format("{}  {:.1f} s", line, epoch.seconds));
}

}  // namespace scanflow::cnn
