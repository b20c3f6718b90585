#include "plugins/steps/data/label_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/steps/data/picking.hpp"

namespace scanflow::picking {
namespace {

using Clock = std::chrono::steady_clock;

/// Answers cancel while it waits: a delay may be days.
void wait_for(double seconds, const Context& context) {
  const auto begin = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  constexpr double kPiece = 0.05;  // seconds
  double told = -1;
  while (passed() < seconds) {
    context.throw_if_cancelled();
    if (passed() - told >= 1) {
      told = passed();
      context.progress(told / seconds, "waiting for labels");
    }
    std::this_thread::sleep_for(
        std::chrono::duration<double>(std::min(kPiece, seconds - passed())));
  }
}

void check_alike(const Indices& indices, std::size_t picked, std::size_t truths) {
  if (indices.positions.size() != picked) {
    throw Error(
        fmt::format("there are {} indices, but {} items in the dataset: give both of one "
                    "data.pick",
                    indices.positions.size(), picked));
  }
  if (indices.of != truths) {
    throw Error(
        fmt::format("the indices are positions among {} items, but truth has {}: give what "
                    "was picked from, with its true labels, in the same order",
                    indices.of, truths));
  }
}

}  // namespace

Description DelayedLabels::describe() {
  return {.id = "label.delayed",
          .version = "1.0.0",
          .summary = "Answers true labels of picked items, after a delay and at a counted cost",
          .inputs = {{"dataset", "the artifact dataset of data.pick"},
                     {"indices", "its artifact indices"},
                     {"truth", "what it picked from, with true labels, in the same order"}},
          .outputs = {{"labels", "integer", "labels given"},
                      {"cost", "number", "of all of them"},
                      {"changed", "integer", "of them, others than the items came with"},
                      {"seconds", "number", "that they took"}},
          .artifacts = {{"dataset", "the picked items, with their true labels"}}};
}

nlohmann::json DelayedLabels::run(Context& context) {
  data::DigitSet picked = data::read_dataset(context.input("dataset"));
  const auto truth = data::read_dataset(context.input("truth"));
  const Indices indices = read_indices(context.input("indices"));
  check_alike(indices, picked.size(), truth.size());
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < picked.size(); ++i) {
    const std::uint8_t label = truth.labels[indices.positions[i]];
    changed += picked.labels[i] == label ? 0 : 1;
    picked.labels[i] = label;
  }
  const auto count = static_cast<double>(picked.size());
  const double seconds = config_.delay + config_.delay_per_label * count;
  wait_for(seconds, context);
  data::write_dataset(context.artifact_directory("dataset"), picked);
  const double cost = config_.cost * count;
  context.log_metric("labels", count, 0);
  context.log_metric("label_cost", cost, 0);
  return {{"labels", picked.size()},
          {"cost", cost},
          {"changed", changed},
          {"seconds", seconds},
          {"summary", fmt::format("{} labels for {:g}, {} of them new",
                                  data::group_digits(picked.size()), cost, changed)}};
}

}  // namespace scanflow::picking
