#include "plugins/steps/data/corruptions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>
#include <stdexcept>
#include <utility>

namespace scanflow::corruption {
namespace {

struct Named {
  std::string_view name;
  Function function;
};
constexpr std::array kAll{
    Named{"shot_noise", shot_noise},
    Named{"impulse_noise", impulse_noise},
    Named{"glass_blur", glass_blur},
    Named{"motion_blur", motion_blur},
    Named{"shear", shear},
    Named{"scale", scale},
    Named{"rotate", rotate},
    Named{"brightness", brightness},
    Named{"translate", translate},
    Named{"stripe", stripe},
    Named{"fog", fog},
    Named{"spatter", spatter},
    Named{"dotted_line", dotted_line},
    Named{"zigzag", zigzag},
    Named{"canny_edges", canny_edges},
    Named{"identity", nullptr},
};

}  // namespace

std::vector<std::string_view> names() {
  std::vector<std::string_view> list;
  list.reserve(kAll.size());
  for (const Named& each : kAll) list.push_back(each.name);
  return list;
}

Function find(std::string_view name) {
  for (const Named& each : kAll)
    if (each.name == name) return each.function;
  throw std::runtime_error(
      fmt::format("there is no corruption '{}'; there are {}", name, fmt::join(names(), ", ")));
}

Corrupted corrupt(const data::DigitSet& digits, std::span<const std::string> ways, double severity,
                  double share, std::uint64_t seed) {
  std::vector<Function> functions;
  functions.reserve(ways.size());
  for (const std::string& way : ways) functions.push_back(find(way));
  std::vector<std::size_t> order(digits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  data::Random(seed).shuffle(order);
  const auto chosen =
      static_cast<std::size_t>(std::llround(share * static_cast<double>(digits.size())));

  Corrupted out{digits, std::vector<std::size_t>(ways.size())};
  for (std::size_t i = 0; i < chosen; ++i) {
    const std::size_t way = i % ways.size();
    ++out.counts[way];
    if (functions[way] == nullptr || severity == 0) continue;
    auto random = data::Random::stream(seed, order[i]);
    const auto bytes = bytes_of(functions[way](grey_of(digits.image(order[i])), severity, random));
    std::copy(bytes.begin(), bytes.end(),
              out.digits.pixels.begin() + static_cast<std::ptrdiff_t>(order[i] * data::kPixels));
  }
  return out;
}

}  // namespace scanflow::corruption
