// Draws synthetic handwritten digits.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "plugins/common/digit_set.hpp"
#include "plugins/common/random.hpp"

namespace scanflow::digits {

using Image = std::array<std::uint8_t, data::kPixels>;

/// One digit in a style, a hand, a pen and a scan drawn from `random`. Uses only + - * / and square
/// roots, which IEEE 754 defines to the last bit: the same everywhere.
Image draw(std::uint8_t digit, data::Random& random);

/// `count` digits, each class as often as the others (give or take one), in a random order. Digit
/// i depends on its class, seed and i alone. The same arguments give the same bytes on every
/// machine. `go_on` is told the share done (0 to 1) now and then; false ends the work with what is
/// there.
data::DigitSet generate(
    std::size_t count, std::uint64_t seed,
    const std::function<bool(double)>& go_on = [](double) { return true; });

}  // namespace scanflow::digits
