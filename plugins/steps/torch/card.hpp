// The model card: what a weights file is, how it came to be, and how well it does.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

/// A dataset as the card names it.
struct DataRecord {
  std::string sha256;  // of the artifact
  std::size_t count = 0;
};

/// The same training gives the same card, but for "seconds".
nlohmann::json make_card(const Hyperparameters& hyperparameters, const Trained& trained,
                         const DataRecord& train, const std::optional<DataRecord>& validation,
                         const std::optional<std::string>& init_from_sha256);

}  // namespace scanflow::cnn
