#include "plugins/steps/data/picking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <unordered_set>

#include "plugins/common/random.hpp"

namespace scanflow::picking {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kScoresFormat = "scanflow.scores/1";
constexpr const char* kIndicesFormat = "scanflow.indices/1";
constexpr const char* kIdsFormat = "scanflow.ids/1";

/// The document, if it is of this format and holds a list of that name.
json read_document(const fs::path& file, const char* format, const char* list, const char* what) {
  std::ifstream in(file);
  json document = json::parse(in, nullptr, false);
  const bool good = document.is_object() && document.value("format", json()) == format &&
                    document.value(list, json()).is_array();
  if (good) return document;
  throw std::runtime_error(
      fmt::format("{}: is no {} document; give {}", file.string(), format, what));
}

[[noreturn]] void fail_item(const fs::path& file, const char* list, std::size_t at,
                            const json& item, const std::string& expected) {
  throw std::runtime_error(
      fmt::format("{}: {}[{}] is {}, expected {}", file.string(), list, at, item.dump(), expected));
}

void keep(std::vector<std::size_t>& positions, std::size_t limit) {
  if (limit > 0 && positions.size() > limit) positions.resize(limit);
}

}  // namespace

Scores read_scores(const fs::path& file) {
  const json document =
      read_document(file, kScoresFormat, "scores", "the artifact scores of detector.score");
  const json& list = document["scores"];
  Scores scores;
  const json threshold = document.value("threshold", json());
  if (!threshold.is_number()) {
    throw std::runtime_error(
        fmt::format("{}: threshold is {}, expected a number", file.string(), threshold.dump()));
  }
  scores.threshold = threshold;
  scores.values.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    // JSON has no NaN: it is written as null.
    if (!list[i].is_number() && !list[i].is_null())
      fail_item(file, "scores", i, list[i], "a number");
    scores.values.push_back(list[i].is_null() ? std::numeric_limits<double>::infinity()
                                              : list[i].get<double>());
  }
  return scores;
}

std::vector<std::size_t> all_of(std::size_t count) {
  std::vector<std::size_t> positions(count);
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  return positions;
}

std::vector<std::size_t> highest(const std::vector<double>& scores, std::size_t limit) {
  std::vector<std::size_t> positions = all_of(scores.size());
  std::stable_sort(positions.begin(), positions.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  keep(positions, limit);
  return positions;
}

std::vector<std::size_t> above(const std::vector<double>& scores, double threshold) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] > threshold) positions.push_back(i);
  return positions;
}

std::vector<std::size_t> without(std::vector<std::size_t> positions,
                                 const std::vector<std::size_t>& taken) {
  const std::unordered_set<std::size_t> gone(taken.begin(), taken.end());
  std::erase_if(positions, [&](std::size_t position) { return gone.contains(position); });
  return positions;
}

std::vector<std::size_t> at_random(std::vector<std::size_t> positions, std::size_t limit,
                                   std::uint64_t seed) {
  data::Random(seed).shuffle(positions);
  keep(positions, limit);
  return positions;
}

void write_indices(const fs::path& file, const Indices& indices) {
  const json document = {
      {"format", kIndicesFormat}, {"of", indices.of}, {"indices", indices.positions}};
  std::ofstream out(file);
  out << document.dump() << '\n';
  out.close();
  if (!out) {
    throw std::runtime_error(
        fmt::format("{}: cannot write the indices (disk full?)", file.string()));
  }
}

Indices read_indices(const fs::path& file) {
  const json document =
      read_document(file, kIndicesFormat, "indices", "the artifact indices of data.pick");
  const json of = document.value("of", json());
  if (!of.is_number_unsigned()) {
    throw std::runtime_error(
        fmt::format("{}: of is {}, expected a number of items", file.string(), of.dump()));
  }
  Indices indices{of, {}};
  const json& list = document["indices"];
  indices.positions.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_number_unsigned() || list[i] >= indices.of)
      fail_item(file, "indices", i, list[i], fmt::format("a position below {}", indices.of));
    indices.positions.push_back(list[i]);
  }
  return indices;
}

std::vector<std::size_t> read_ids(const fs::path& file) {
  const json document =
      read_document(file, kIdsFormat, "ids", "the artifact ids of requests.captured");
  const json& list = document["ids"];
  std::vector<std::size_t> ids;
  ids.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_number_integer() || list[i] < 0)
      fail_item(file, "ids", i, list[i], "a number from 0");
    ids.push_back(list[i]);
  }
  return ids;
}

}  // namespace scanflow::picking
