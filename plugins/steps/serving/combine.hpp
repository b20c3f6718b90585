// Several answers to one question, made one. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scanflow::serving {

/// One voice, and how much it counts (above 0).
template <class T>
struct Voice {
  std::span<const T> values;
  double weight = 1;
};

/// Element by element; all as long as the first. At least one.
template <class T>
std::vector<T> weighted_mean(const std::vector<Voice<T>>& voices) {
  double total = 0;
  for (const Voice<T>& voice : voices) total += voice.weight;
  std::vector<T> mean(voices[0].values.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    double sum = 0;
    for (const Voice<T>& voice : voices) sum += voice.weight * static_cast<double>(voice.values[i]);
    mean[i] = static_cast<T>(sum / total);
  }
  return mean;
}

/// For each element the value with the greatest sum of weights; of equal sums, the one that the
/// earliest voice gave.
template <class T>
std::vector<T> majority(const std::vector<Voice<T>>& voices) {
  std::vector<T> chosen(voices[0].values.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    double most = 0;
    for (const Voice<T>& candidate : voices) {
      double sum = 0;
      for (const Voice<T>& voice : voices)
        if (voice.values[i] == candidate.values[i]) sum += voice.weight;
      if (sum <= most) continue;
      most = sum;
      chosen[i] = candidate.values[i];
    }
  }
  return chosen;
}

}  // namespace scanflow::serving
