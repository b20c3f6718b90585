#include "plugins/steps/data/merge_step.hpp"

#include <fmt/format.h>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"

namespace scanflow::picking {
namespace {

constexpr std::size_t kMostItems = 10'000'000;  // that a dataset may have (idx.hpp)

}  // namespace

Description Merge::describe() {
  return {.id = "data.merge",
          .version = "1.0.0",
          .summary = "Puts two datasets together: what was known and what was labelled since",
          .inputs = {{"dataset", "dataset directory"}, {"more", "dataset directory to add to it"}},
          .outputs = {{"count", "integer", "items in all"},
                      {"added", "integer", "of them, those added"}},
          .artifacts = {{"dataset", "the items of `dataset`, then those of `more`"}}};
}

nlohmann::json Merge::run(Context& context) {
  data::DigitSet all = data::read_dataset(context.input("dataset"));
  const auto more = data::read_dataset(context.input("more"));
  const auto repeat = static_cast<std::size_t>(config_.repeat);
  const std::size_t added = more.size() * repeat;
  if (all.size() + added > kMostItems) {
    throw Error(fmt::format("{} items and {} times {} more are above the limit of {}: lower repeat",
                            data::group_digits(all.size()), repeat, data::group_digits(more.size()),
                            data::group_digits(kMostItems)));
  }
  for (std::size_t round = 0; round < repeat; ++round) {
    all.pixels.insert(all.pixels.end(), more.pixels.begin(), more.pixels.end());
    all.labels.insert(all.labels.end(), more.labels.begin(), more.labels.end());
  }
  data::write_dataset(context.artifact_directory("dataset"), all);
  return {{"count", all.size()},
          {"added", added},
          {"summary", fmt::format("{} items, {} of them added", data::group_digits(all.size()),
                                  data::group_digits(added))}};
}

}  // namespace scanflow::picking
