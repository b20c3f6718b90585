#include "plugins/steps/data/label_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/common/random.hpp"
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

void check_picked(const Indices& indices, std::size_t picked) {
  if (indices.positions.size() != picked) {
    throw Error(
        fmt::format("there are {} indices, but {} items in the dataset: give both of one "
                    "data.pick",
                    indices.positions.size(), picked));
  }
}

/// Where the true label of each picked item is.
std::vector<std::size_t> positions_in_truth(const Context& context, const Indices& indices,
                                            std::size_t picked, std::size_t truths) {
  check_picked(indices, picked);
  if (!context.has_input("ids")) {
    if (indices.of == truths) return indices.positions;
    throw Error(
        fmt::format("the indices are positions among {} items, but truth has {}: give what "
                    "was picked from, with its true labels, in the same order",
                    indices.of, truths));
  }
  const auto file = context.input("ids");
  const std::vector<std::size_t> ids = read_ids(file);
  if (ids.size() != indices.of) {
    throw Error(
        fmt::format("the indices are positions among {} items, but {} has {} ids: give "
                    "those of the dataset that was picked from",
                    indices.of, file.string(), ids.size()));
  }
  std::vector<std::size_t> positions;
  for (const std::size_t position : indices.positions) {
    if (ids[position] >= truths) {
      throw Error(fmt::format("nobody knows the truth of id {}: truth has {} items", ids[position],
                              truths));
    }
    positions.push_back(ids[position]);
  }
  return positions;
}

}  // namespace

Description DelayedLabels::describe() {
  return {.id = "label.delayed",
          .version = "1.0.0",
          .summary = "Answers true labels of picked items, after a delay and at a counted cost",
          .inputs = {{"dataset", "the artifact dataset of data.pick"},
                     {"indices", "its artifact indices"},
                     {"truth",
                      "what it picked from, with true labels, in the same order; with "
                      "ids: of id 0, 1, 2, ..."},
                     {"ids", "the artifact ids of requests.captured, of what it picked from",
                      optional}},
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
  const auto positions = positions_in_truth(context, indices, picked.size(), truth.size());
  data::Random random(static_cast<std::uint64_t>(config_.seed));
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < picked.size(); ++i) {
    std::uint8_t label = truth.labels[positions[i]];
    if (random.uniform() < config_.wrong)
      label = static_cast<std::uint8_t>((label + 1 + random.below(data::kClasses - 1)) %
                                        data::kClasses);
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
