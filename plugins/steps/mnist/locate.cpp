#include "plugins/steps/mnist/locate.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace scanflow::mnist {
namespace {

namespace fs = std::filesystem;

fs::path find(const fs::path& directory, const std::string& prefix, const std::string& kind,
              const std::string& dimensions) {
  for (const char* joint : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      auto path =
          directory / fmt::format("{}{}{}{}-ubyte{}", prefix, kind, joint, dimensions, ending);
      if (fs::exists(path)) return path;
    }
  }
  return {};
}

std::string existing_files(const fs::path& directory) {
  constexpr int kShown = 5;
  std::string names;
  int count = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (++count <= kShown) names += (names.empty() ? "" : ", ") + entry.path().filename().string();
  }
  if (count == 0) return "the directory is empty";
  return "it holds " + names + (count > kShown ? fmt::format(" and {} more", count - kShown) : "");
}

}  // namespace

std::vector<Pair> locate(const fs::path& directory) {
  if (!fs::exists(directory)) {
    throw std::runtime_error(
        fmt::format("{}: no such directory; set path to a directory with IDX files, or to auto",
                    directory.string()));
  }
  if (!fs::is_directory(directory)) {
    throw std::runtime_error(
        fmt::format("{}: is a file; set path to the directory that holds images and labels",
                    directory.string()));
  }
  std::vector<Pair> pairs;
  for (const char* prefix : {"train-", "t10k-", ""}) {
    const Pair pair{find(directory, prefix, "images", "idx3"),
                    find(directory, prefix, "labels", "idx1")};
    if (pair.images.empty() && pair.labels.empty()) continue;
    if (pair.images.empty() || pair.labels.empty()) {
      throw std::runtime_error(
          fmt::format("{}: there is {}, but no {}{}-ubyte or .gz beside it", directory.string(),
                      (pair.images.empty() ? pair.labels : pair.images).filename().string(), prefix,
                      pair.images.empty() ? "images-idx3" : "labels-idx1"));
    }
    pairs.push_back(pair);
  }
  if (pairs.empty()) {
    throw std::runtime_error(fmt::format(
        "{}: no IDX files there (t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, or the "
        "like, plain or gzip, with t10k-, train- or no prefix); {}",
        directory.string(), existing_files(directory)));
  }
  return pairs;
}

data::DigitSet read_directory(const fs::path& directory) {
  data::DigitSet all;
  for (const Pair& pair : locate(directory)) {
    const data::DigitSet part = data::read_digits(pair.images, pair.labels);
    all.pixels.insert(all.pixels.end(), part.pixels.begin(), part.pixels.end());
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
  }
  return all;
}

}  // namespace scanflow::mnist
