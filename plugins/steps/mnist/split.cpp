#include "plugins/steps/mnist/split.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/random.hpp"

namespace scanflow::mnist {
namespace {

std::string text(const Parts& parts) {
  return fmt::format("train {}, validation {}, test {}", parts.train, parts.validation, parts.test);
}

Counts counts_of_shares(const Parts& parts, std::size_t total) {
  const double sum = parts.train + parts.validation + parts.test;
  if (sum > 1 + 1e-9) {
    throw std::runtime_error(
        fmt::format("{}: the shares add up to {:.4g}, which is more than 1", text(parts), sum));
  }
  // Rounded at the borders, so that parts that add up to 1 leave nothing over.
  const auto border = [total](double share) {
    return static_cast<std::size_t>(std::llround(share * static_cast<double>(total)));
  };
  const std::size_t first = border(parts.train);
  const std::size_t second = border(parts.train + parts.validation);
  return {first, second - first, border(sum) - second};
}

Counts counts_of_numbers(const Parts& parts, std::size_t total) {
  for (const double number : {parts.train, parts.validation, parts.test}) {
    if (number != std::floor(number)) {
      throw std::runtime_error(fmt::format(
          "{}: give either shares of the whole (none above 1) or whole numbers of digits",
          text(parts)));
    }
  }
  const double sum = parts.train + parts.validation + parts.test;
  if (sum > static_cast<double>(total)) {
    throw std::runtime_error(fmt::format("{}: {:.0f} digits are wanted, but there are only {}",
                                         text(parts), sum, data::group_digits(total)));
  }
  return {static_cast<std::size_t>(parts.train), static_cast<std::size_t>(parts.validation),
          static_cast<std::size_t>(parts.test)};
}

}  // namespace

Counts count_parts(const Parts& parts, std::size_t total) {
  const bool numbers = parts.train > 1 || parts.validation > 1 || parts.test > 1;
  const Counts counts = numbers ? counts_of_numbers(parts, total) : counts_of_shares(parts, total);
  if (counts.train == 0) {
    throw std::runtime_error(fmt::format("{}: of {} digits none would be left to train with",
                                         text(parts), data::group_digits(total)));
  }
  return counts;
}

Split split(const Counts& counts, std::size_t total, std::uint64_t seed) {
  std::vector<std::size_t> order(total);
  std::iota(order.begin(), order.end(), std::size_t{0});
  data::Random random(seed);
  random.shuffle(order);

  auto next = order.begin();
  const auto take = [&next](std::size_t count) {
    const auto first = next;
    next += static_cast<std::ptrdiff_t>(count);
    return std::vector<std::size_t>(first, next);
  };
  Split out;
  out.train = take(counts.train);
  out.validation = take(counts.validation);
  out.test = take(counts.test);
  return out;
}

}  // namespace scanflow::mnist
