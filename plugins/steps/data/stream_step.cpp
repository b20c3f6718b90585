#include "plugins/steps/data/stream_step.hpp"

#include <fmt/format.h>

#include <numeric>
#include <stdexcept>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/common/random.hpp"
#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

using nlohmann::json;

constexpr std::size_t kMostInPiece = 10'000'000;

double share_of(const json& piece, const char* name) {
  const json value = piece.value(name, json(1));
  if (value.is_number() && value >= 0 && value <= 1) return value;
  throw Invalid(fmt::format("pieces: {}: {} is a number from 0 to 1", piece.dump(), name));
}

/// Digits in a random order, each once before any comes again.
class Deck {
 public:
  Deck(std::size_t count, std::uint64_t seed) : order_(count), random_(seed) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    at_ = order_.size();
  }
  std::size_t next() {
    if (at_ == order_.size()) {
      random_.shuffle(order_);
      at_ = 0;
    }
    return order_[at_++];
  }

 private:
  std::vector<std::size_t> order_;
  data::Random random_;
  std::size_t at_ = 0;
};

}  // namespace

Description Stream::describe() {
  return {.id = "data.stream",
          .version = "1.0.0",
          .summary = "Digits as a service is asked them over time, piece by piece, clean or not",
          .inputs = {{"dataset", "dataset directory to draw from; small ones are drawn again"}},
          .outputs = {{"count", "integer", "digits"},
                      {"begins", "array",
                       "where each piece begins, and whether it is corrupted: "
                       "[{at, corrupted, severity}]"}},
          .artifacts = {{"dataset", "the digits in their order, with true labels"}}};
}

Stream::Piece Stream::piece_of(const json& document) {
  const json count = document.is_object() ? document.value("count", json()) : json();
  if (!count.is_number_integer() || count < 1 || count > kMostInPiece) {
    throw Invalid(fmt::format("pieces: {} is none; write {{count: 1500, ways: [brightness]}}",
                              document.dump()));
  }
  Piece piece{count, {}, share_of(document, "severity"), share_of(document, "share")};
  const json ways = document.value("ways", json::array());
  for (const auto& [key, value] : document.items())
    if (key != "count" && key != "ways" && key != "severity" && key != "share")
      throw Invalid(
          fmt::format("pieces: unknown field '{}': there is count, ways, severity, share", key));
  if (!ways.is_array()) throw Invalid("pieces: ways is a list: [brightness]");
  for (const json& way : ways) {
    if (!way.is_string()) throw Invalid("pieces: ways is a list of names: [brightness]");
    try {
      (void)find(way.get<std::string>());
    } catch (const std::runtime_error& error) {
      throw Invalid(fmt::format("pieces: ways: {}", error.what()));
    }
    piece.ways.push_back(way);
  }
  return piece;
}

Stream::Stream(Config config) : config_(std::move(config)) {
  if (!config_.pieces.is_array() || config_.pieces.empty())
    throw Invalid("pieces: a list, [{count: 1500}, {count: 3000, ways: [brightness]}]");
  for (const json& each : config_.pieces) pieces_.push_back(piece_of(each));
}

json Stream::run(Context& context) {
  const data::DigitSet digits = data::read_dataset(context.input("dataset"));
  if (digits.size() == 0)
    throw Error(context.input("dataset").string() + ": the dataset is empty: nothing to draw from");
  Deck deck(digits.size(), static_cast<std::uint64_t>(config_.seed));
  data::DigitSet stream;
  json begins = json::array();
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    context.throw_if_cancelled();
    begins.push_back({{"at", stream.size()},
                      {"corrupted", !piece.ways.empty() && piece.severity > 0 && piece.share > 0},
                      {"severity", piece.ways.empty() ? 0.0 : piece.severity}});
    data::DigitSet drawn;
    for (std::size_t k = 0; k < piece.count; ++k) {
      const std::size_t at = deck.next();
      drawn.add(digits.image(at), digits.labels[at]);
    }
    if (!piece.ways.empty())
      drawn = corrupt(drawn, piece.ways, piece.severity, piece.share,
                      static_cast<std::uint64_t>(config_.seed) + i)
                  .digits;
    stream.pixels.insert(stream.pixels.end(), drawn.pixels.begin(), drawn.pixels.end());
    stream.labels.insert(stream.labels.end(), drawn.labels.begin(), drawn.labels.end());
  }
  data::write_dataset(context.artifact_directory("dataset"), stream);
  return {{"count", stream.size()},
          {"begins", begins},
          {"summary", fmt::format("{} digits in {} pieces", data::group_digits(stream.size()),
                                  pieces_.size())}};
}

}  // namespace scanflow::corruption
