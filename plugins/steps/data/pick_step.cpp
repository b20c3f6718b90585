#include "plugins/steps/data/pick_step.hpp"

#include <fmt/format.h>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/steps/data/picking.hpp"

namespace scanflow::picking {

Description Pick::describe() {
  return {
      .id = "data.pick",
      .version = "1.0.0",
      .summary = "Picks the items of a dataset that are worth a label",
      .inputs = {{"dataset", "dataset directory to pick from"},
                 {"scores", "the artifact scores of detector.score for it; not by: random",
                  optional},
                 {"except",
                  "the artifact indices of a data.pick of the same dataset: those are "
                  "not picked again",
                  optional}},
      .outputs = {{"count", "integer", "items picked"}, {"of", "integer", "items in the dataset"}},
      .artifacts = {{"dataset", "the picked items, with the labels that they came with"},
                    {"indices", "JSON: their positions in the dataset, in the same order"}}};
}

std::vector<std::size_t> Pick::choose(const Context& context, std::size_t count) const {
  const auto limit = static_cast<std::size_t>(config_.limit);
  const auto seed = static_cast<std::uint64_t>(config_.seed);
  const auto left = [&](std::vector<std::size_t> positions) {
    std::erase_if(positions, [&](std::size_t position) {
      const auto at = static_cast<std::int64_t>(position);
      return at < config_.from || (config_.until > 0 && at >= config_.until);
    });
    if (!context.has_input("except")) return positions;
    const auto file = context.input("except");
    const Indices taken = read_indices(file);
    if (taken.of != count) {
      throw Error(
          fmt::format("{}: positions among {} items, but the dataset has {}: give the "
                      "indices of a data.pick of the same dataset",
                      file.string(), taken.of, count));
    }
    return without(std::move(positions), taken.positions);
  };
  if (config_.by == "random") return at_random(left(all_of(count)), limit, seed);
  if (!context.has_input("scores")) {
    throw Error(
        fmt::format("by is {}, but there are no scores: give the artifact scores of "
                    "detector.score in `with`, or set by to random",
                    config_.by));
  }
  const auto file = context.input("scores");
  const Scores scores = read_scores(file);
  if (scores.values.size() != count) {
    throw Error(fmt::format("{} scores in {}, but {} items in {}: the two do not belong together",
                            data::group_digits(scores.values.size()), file.string(),
                            data::group_digits(count), context.input("dataset").string()));
  }
  if (config_.by == "score") {
    auto positions = left(highest(scores.values, 0));
    if (limit > 0 && positions.size() > limit) positions.resize(limit);
    return positions;
  }
  const double threshold = config_.threshold.value_or(scores.threshold);
  return at_random(left(above(scores.values, threshold)), limit, seed);
}

nlohmann::json Pick::run(Context& context) {
  const auto digits = data::read_dataset(context.input("dataset"));
  const auto positions = choose(context, digits.size());
  data::write_dataset(context.artifact_directory("dataset"), digits.select(positions));
  write_indices(context.artifact_file("indices"), {digits.size(), positions});
  return {{"count", positions.size()},
          {"of", digits.size()},
          {"summary", fmt::format("{} of {} picked by {}", data::group_digits(positions.size()),
                                  data::group_digits(digits.size()), config_.by)}};
}

}  // namespace scanflow::picking
