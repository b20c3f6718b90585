#include "plugins/steps/detector/score_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "plugins/common/byte_source.hpp"

namespace scanflow::detector {
namespace {

using nlohmann::json;

constexpr std::int64_t kSideOf = data::kSide;
constexpr std::size_t kAtOnce = 500;  // digits

void write_scores(const std::filesystem::path& path, const std::vector<float>& scores,
                  const Threshold& threshold) {
  const json document = {
      {"format", "scanflow.scores/1"}, {"threshold", threshold.value}, {"scores", scores}};
  std::ofstream out(path);
  out << document.dump() << '\n';
  out.close();
  if (!out) throw Error(path.string() + ": cannot write the scores (disk full?)");
}

std::vector<float> scores_of(Detector& detector, const data::DigitSet& digits,
                             const Context& context) {
  std::vector<float> scores;
  scores.reserve(digits.size());
  for (std::size_t first = 0; first < digits.size(); first += kAtOnce) {
    context.throw_if_cancelled();
    const std::size_t end = std::min(first + kAtOnce, digits.size());
    const std::vector<float> grey(
        digits.pixels.begin() + static_cast<std::ptrdiff_t>(first * data::kPixels),
        digits.pixels.begin() + static_cast<std::ptrdiff_t>(end * data::kPixels));
    const auto part = detector.errors(grey);
    scores.insert(scores.end(), part.begin(), part.end());
  }
  return scores;
}

/// What is not a number is one.
bool is_outlier(float score, const Threshold& threshold) { return !(score <= threshold.value); }

}  // namespace

Description Score::describe() {
  return {
      .id = "detector.score",
      .version = "1.0.0",
      .summary = "Tells digits that are unlike those a detector has learnt: a dataset, or online",
      .inputs = {{"model", "the artifact detector of detector.train"},
                 {"dataset", "dataset directory to look at, in a pipeline", optional}},
      .outputs = {{"count", "integer", "digits looked at"},
                  {"outliers", "integer", "those with an error above the threshold"},
                  {"share", "number", "of the digits that are outliers"},
                  {"expected_share", "number", "likewise, where nothing has changed"},
                  {"p_value", "number", "how likely so many are where nothing has changed"},
                  {"drift", "boolean", "p_value is below significance"},
                  {"threshold", "number", "the detector's"},
                  {"mean_score", "number", "mean error of the digits"}},
      .artifacts = {{"scores", "JSON: threshold, and scores: each digit's error, in order"}}};
}

json Score::run(Context& context) {
  const auto digits = data::read_dataset(context.input("dataset"));
  if (digits.size() == 0) {
    throw Error(context.input("dataset").string() + ": the dataset is empty: nothing to look at");
  }
  Detector detector(context.input("model"), context.threads());
  const Threshold& threshold = detector.threshold();
  const auto scores = scores_of(detector, digits, context);
  const auto outliers = std::count_if(scores.begin(), scores.end(),
                                      [&](float score) { return is_outlier(score, threshold); });
  const auto count = static_cast<std::int64_t>(scores.size());
  const double share = static_cast<double>(outliers) / static_cast<double>(count);
  const double chance = chance_of(outliers, count, threshold);
  const bool drift = chance < config_.significance;
  context.log_metric("outlier_share", share, 0);
  write_scores(context.artifact_file("scores"), scores, threshold);
  return {{"count", count},
          {"outliers", outliers},
          {"share", share},
          {"expected_share", threshold.expected_share()},
          {"p_value", chance},
          {"drift", drift},
          {"threshold", threshold.value},
          {"mean_score",
           std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(count)},
          {"summary", fmt::format("{} of {} digits are outliers ({:.1f} %, expected {:.1f} %): {}",
                                  data::group_digits(static_cast<std::uint64_t>(outliers)),
                                  data::group_digits(digits.size()), 100 * share,
                                  100 * threshold.expected_share(), drift ? "drift" : "no drift")}};
}

Signature Score::load(const Loading& loading) {
  detector_ = std::make_unique<Detector>(loading.input("model"), loading.threads());
  return {.inputs = {{"images", DataType::fp32, {-1, 1, kSideOf, kSideOf}}},
          .outputs = {{"score", DataType::fp32, {-1}}, {"outlier", DataType::boolean, {-1}}},
          .batchable = true};
}

void Score::infer(const Tensors& inputs, TensorOutputs& outputs) {
  const TensorView images = inputs["images"];
  const std::vector<float> scores = detector_->errors(images.values<float>());
  std::vector<std::uint8_t> outliers;
  outliers.reserve(scores.size());
  for (const float score : scores) outliers.push_back(is_outlier(score, detector_->threshold()));
  const Shape shape = {images.shape()[0]};
  outputs.put("score", shape, std::span<const float>(scores));
  outputs.put("outlier", DataType::boolean, shape, std::as_bytes(std::span(outliers)));
}

}  // namespace scanflow::detector
