// Curves and bars in a line of text.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace scanflow::cli {

/// What the terminal can show beyond ASCII.
enum class Letters { unicode, ascii };

/// By the first of $LC_ALL, $LC_CTYPE and $LANG that is set: ascii where it names another charset than
/// UTF-8 (also "C"). Where none is set nothing is known of the terminal, and most show UTF-8.
Letters letters_of_environment();

/// ▁▂▃▄▅▆▇█ of values between 0 and `most`, in at most `columns` characters: each stands for the
/// greatest of its share of the values. NaN is a blank, but at the
/// beginning. "" where fewer than two values are known.
std::string curve(std::span<const double> values, double most, std::size_t columns,
                  Letters letters);

/// "████░░": `part` (0 to 1) of as many columns.
std::string bar(double part, std::size_t columns, Letters letters);

}  // namespace scanflow::cli
