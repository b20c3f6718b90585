#include "plugins/steps/report/digits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/report/png.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;

json read_predictions(const std::filesystem::path& path, std::size_t images) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path.string() + ": cannot be opened");
  json predictions = json::parse(file, nullptr, false);
  if (!predictions.is_array()) throw std::runtime_error(path.string() + ": is not a JSON array");
  if (predictions.size() != images) {
    throw std::runtime_error(
        fmt::format("{}: {} predictions for {} images", path.string(), predictions.size(), images));
  }
  return predictions;
}

double digit_number(const json& object, const char* key, double otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

}  // namespace

WrongDigits read_wrong_digits(const std::filesystem::path& directory, std::size_t most) {
  const data::DigitSet digits = data::read_dataset(directory);
  const json predictions = read_predictions(directory / "predictions.json", digits.size());
  std::vector<std::size_t> order(digits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return digit_number(predictions[a], "confidence", -1) >
           digit_number(predictions[b], "confidence", -1);
  });
  WrongDigits out{digits.size(), {}};
  for (const std::size_t i : order) {
    if (out.shown.size() == most) break;
    const json& said = predictions[i];
    out.shown.push_back(
        {static_cast<std::size_t>(std::max(0.0, digit_number(said, "index", double(i)))),
         static_cast<int>(digit_number(said, "label", digits.labels[i])),
         static_cast<int>(digit_number(said, "prediction", -1)),
         digit_number(said, "confidence", -1),
         png_data_uri(digits.image(i), data::kSide, data::kSide)});
  }
  return out;
}

}  // namespace scanflow::report
