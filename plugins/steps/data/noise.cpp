#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

// At severity 1.
constexpr double kPhotons = 3;         // that full ink sends
constexpr double kFlippedShare = 0.3;  // of the pixels

/// Knuth's product of uniform values; mean at most some hundreds.
int poisson(double mean, data::Random& random) {
  const double limit = std::exp(-mean);
  int count = 0;
  double product = random.uniform();
  while (product > limit) {
    product *= random.uniform();
    ++count;
  }
  return count;
}

}  // namespace

Grey shot_noise(const Grey& image, double severity, data::Random& random) {
  // Few photons make a coarse image; at a hundred the noise is hardly seen, and sums stay small.
  const double photons = std::min(kPhotons / (severity * severity), 100.0);
  Grey out;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const double value = poisson(image.values[i] * photons, random) / photons;
    out.values[i] = static_cast<float>(std::min(value, 1.0));
  }
  return out;
}

Grey impulse_noise(const Grey& image, double severity, data::Random& random) {
  Grey out = image;
  for (float& value : out.values) {
    if (random.uniform() >= kFlippedShare * severity) continue;
    value = random.below(2) == 0 ? 0.0F : 1.0F;
  }
  return out;
}

}  // namespace scanflow::corruption
