// A confusion matrix as a heat map.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

using Matrix = std::vector<std::vector<double>>;  // [true class][predicted class]: counts

/// A square matrix of 2 to 30 classes with counts of at least 0; anything else gives nothing.
std::optional<Matrix> parse_confusion(const json& value);

/// A table: rows are the truth, columns what the model said; with recall and precision.
std::string confusion_html(const Matrix& matrix);

/// "9 said for 4: 5 times": the commonest confusions, worst first.
std::vector<std::string> worst_confusions(const Matrix& matrix, std::size_t most);

}  // namespace scanflow::report
