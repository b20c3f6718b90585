// The digits that a model got wrong, as pictures.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scanflow::report {

struct WrongDigit {
  std::size_t index = 0;  // in the test set
  int label = 0, prediction = 0;
  double confidence = 0;  // of the prediction, 0 to 1; below 0: not said
  std::string picture;    // data URI
};

struct WrongDigits {
  std::size_t total = 0;          // in the artifact
  std::vector<WrongDigit> shown;  // the most confident errors first, at most `most`
};

/// Reads an artifact `misclassified`: IDX images and labels, and predictions.json, an array of
/// {"index", "label", "prediction", "confidence"}, one for each image. Throws std::runtime_error:
/// which file, and what is wrong with it.
WrongDigits read_wrong_digits(const std::filesystem::path& directory, std::size_t most);

}  // namespace scanflow::report
