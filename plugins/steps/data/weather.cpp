#include <vector>

#include "plugins/steps/data/corruptions.hpp"

namespace scanflow::corruption {
namespace {

// At severity 1.
constexpr double kFog = 2.5;       // times the image's brightest
constexpr double kFogDecay = 1.7;  // of its roughness, from one scale to the next
constexpr double kWet = 0.4;       // of the drops' field, in its deviations: what is above is wet
constexpr double kDry = 2.4;       // likewise at severity 0
constexpr double kDropDeviation = 1.5;  // pixels
constexpr float kDropInk = 0.8F;

/// Plasma by diamond and square (Fournier, Fussell, Carpenter 1982) on a torus; 0 to 1.
class Plasma {
 public:
  explicit Plasma(data::Random& random) : random_(random) {
    double roughness = 1;
    for (int step = kSize; step > 1; step /= 2, roughness /= kFogDecay) refine(step, roughness);
    const auto [low, high] = std::minmax_element(values_.begin(), values_.end());
    const double least = *low, range = std::max(*high - *low, 1e-9);
    for (double& value : values_) value = (value - least) / range;
  }
  double at(int y, int x) const { return values_[index(y, x)]; }

 private:
  static constexpr int kSize = 32;
  static std::size_t index(int y, int x) {
    return static_cast<std::size_t>(y & (kSize - 1)) * kSize +
           static_cast<std::size_t>(x & (kSize - 1));
  }
  double near(int y, int x, int dy, int dx) const { return values_[index(y + dy, x + dx)]; }

  void refine(int step, double roughness) {
    const int half = step / 2;
    for (int y = 0; y < kSize; y += step) {
      for (int x = 0; x < kSize; x += step) {
        const double sum =
            near(y, x, 0, 0) + near(y, x, 0, step) + near(y, x, step, 0) + near(y, x, step, step);
        values_[index(y + half, x + half)] = sum / 4 + random_.between(-roughness, roughness);
      }
    }
    for (int y = 0; y < kSize; y += half) {
      for (int x = (y / half) % 2 == 0 ? half : 0; x < kSize; x += step) {
        const double sum =
            near(y, x, half, 0) + near(y, x, -half, 0) + near(y, x, 0, half) + near(y, x, 0, -half);
        values_[index(y, x)] = sum / 4 + random_.between(-roughness, roughness);
      }
    }
  }

  data::Random& random_;
  std::vector<double> values_ = std::vector<double>(std::size_t{kSize} * kSize);
};

}  // namespace

Grey fog(const Grey& image, double severity, data::Random& random) {
  const Plasma plasma(random);
  const double strength = kFog * severity;
  const double brightest = *std::max_element(image.values.begin(), image.values.end());
  Grey out;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      // As bright as before at its brightest: fog takes contrast.
      const double value = (image.at(y, x) + strength * plasma.at(y, x)) *
                           std::max(brightest, 0.5) / (brightest + strength);
      out.at(y, x) = static_cast<float>(value);
    }
  }
  return out;
}

Grey spatter(const Grey& image, double severity, data::Random& random) {
  Grey noise;
  for (float& value : noise.values) value = static_cast<float>(random.bell());
  const Grey drops = blurred(noise, kDropDeviation);
  double squares = 0;
  for (const float value : drops.values) squares += double{value} * value;
  const double deviation = std::sqrt(squares / static_cast<double>(drops.values.size()));
  const double threshold = kDry + (kWet - kDry) * severity;
  Grey out;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const double wet = std::clamp(4 * (drops.values[i] / deviation - threshold), 0.0, 1.0);
    out.values[i] = mixed(image.values[i], kDropInk, wet);
  }
  return out;
}

}  // namespace scanflow::corruption
