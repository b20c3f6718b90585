#include "plugins/steps/data/corrupt_step.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {

Description Corrupt::describe() {
  return {.id = "data.corrupt",
          .version = "1.0.0",
          .summary = "Corrupts digits in the fifteen ways of MNIST-C: drift, made to measure",
          .inputs = {{"dataset", "dataset directory to corrupt"}},
          .outputs = {{"count", "integer", "digits in the dataset"},
                      {"corrupted", "integer", "digits that were chosen"},
                      {"ways", "object", "how many of them each way got"}},
          .artifacts = {{"dataset", "the same digits in the same order, with their labels"}}};
}

nlohmann::json Corrupt::run(Context& context) {
  const data::DigitSet digits = data::read_dataset(context.input("dataset"));
  context.throw_if_cancelled();
  const Corrupted result = corrupt(digits, config_.ways, config_.severity, config_.share,
                                   static_cast<std::uint64_t>(config_.seed));
  data::write_dataset(context.artifact_directory("dataset"), result.digits);
  nlohmann::json ways = nlohmann::json::object();
  for (std::size_t i = 0; i < config_.ways.size(); ++i) {
    auto& count = ways[config_.ways[i]];  // a way may be named twice: it is as if it weighed twice
    count = count.is_null() ? result.counts[i] : count.get<std::size_t>() + result.counts[i];
  }
  const auto corrupted =
      std::accumulate(result.counts.begin(), result.counts.end(), std::size_t{0});
  return {{"count", digits.size()},
          {"corrupted", corrupted},
          {"ways", ways},
          {"summary", fmt::format("{} of {} digits: {}, severity {:g}",
                                  data::group_digits(corrupted), data::group_digits(digits.size()),
                                  fmt::join(config_.ways, ", "), config_.severity)}};
}

}  // namespace scanflow::corruption
