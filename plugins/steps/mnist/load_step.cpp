// mnist.load: reads digits and splits them into train, validation and test.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <scanflow/step.hpp>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/mnist/locate.hpp"
#include "plugins/steps/mnist/split.hpp"

namespace {

using scanflow::data::DigitSet;
using scanflow::data::group_digits;

constexpr const char* kDataVariable = "SCANFLOW_DATA";
constexpr std::size_t kGenerated = 10'000;  // digits drawn where no data is at hand

struct LoadConfig {
  std::string path = "auto";
  std::int64_t seed = 1;
  double train = 0.72;
  double validation = 0.08;
  double test = 0.20;
  template <class V>
  void fields(V& f) {
    f("path", path)
        .min_length(1)
        .doc(
            "directory with IDX files (t10k-*, train-* or no prefix, all pooled; plain or gzip); "
            "auto: the directory in the environment variable SCANFLOW_DATA, else drawn digits");
    f("seed", seed).min(0).doc("of the split, and of drawn digits");
    f("train", train).min(0).doc("share (0 to 1) or number of digits to train with");
    f("validation", validation).min(0).doc("share or number of digits to choose models by");
    f("test", test).min(0).doc("share or number of digits kept for the final test");
  }
};

struct Source {
  DigitSet digits;
  std::string name;  // for people and for the record
};

class Load : public scanflow::Step {
 public:
  using Config = LoadConfig;
  static scanflow::Description describe() {
    return {
        .id = "mnist.load",
        .version = "1.0.0",
        .summary = "Loads handwritten digits from IDX files and splits them",
        .inputs = {{"digits", "dataset directory to split, instead of path", scanflow::optional}},
        .outputs = {{"count", "integer", "digits read"},
                    {"train", "integer", "digits to train with"},
                    {"validation", "integer", "digits to choose models by"},
                    {"test", "integer", "digits for the final test"},
                    {"source", "string", "where the digits come from"},
                    {"synthetic", "boolean", "whether they were drawn by this step"}},
        .artifacts = {{"train", "dataset directory to train with"},
                      {"validation", "dataset directory to choose models by"},
                      {"test", "dataset directory for the final test"}}};
  }
  explicit Load(Config config) : config_(std::move(config)) {}

  nlohmann::json run(scanflow::Context& context) override {
    const Source source = read(context);
    context.throw_if_cancelled();
    const std::size_t total = source.digits.size();
    const auto counts =
        scanflow::mnist::count_parts({config_.train, config_.validation, config_.test}, total);
    const auto parts = scanflow::mnist::split(counts, total, seed());
    write(context, "train", source.digits, parts.train);
    write(context, "validation", source.digits, parts.validation);
    write(context, "test", source.digits, parts.test);
    return {
        {"count", total},
        {"train", counts.train},
        {"validation", counts.validation},
        {"test", counts.test},
        {"source", source.name},
        {"synthetic", synthetic_},
        {"summary", fmt::format("{} {} ({} / {} / {})", group_digits(total),
                                synthetic_ ? "drawn digits" : "digits", group_digits(counts.train),
                                group_digits(counts.validation), group_digits(counts.test))}};
  }

 private:
  std::uint64_t seed() const { return static_cast<std::uint64_t>(config_.seed); }

  Source read(scanflow::Context& context) {
    if (context.has_input("digits")) {
      if (config_.path != "auto") {
        throw scanflow::Error("both the input digits and path (" + config_.path +
                              ") are given; drop one of them");
      }
      return {scanflow::mnist::read_directory(context.input("digits")), "input digits"};
    }
    if (config_.path != "auto") return directory(context, config_.path);
    const char* variable = std::getenv(kDataVariable);
    if (variable != nullptr && *variable != '\0') return directory(context, variable);
    return drawn(context);
  }

  static Source directory(scanflow::Context& context, const std::string& path) {
    const auto absolute = std::filesystem::absolute(path);
    context.info("reading " + absolute.string());
    return {scanflow::mnist::read_directory(absolute), absolute.string()};
  }

  // Enough for numbers that were asked for; else as many as MNIST's test half has.
  Source drawn(scanflow::Context& context) {
    const double wanted = config_.train + config_.validation + config_.test;
    const auto count = std::min<std::size_t>(
        wanted > 3 ? static_cast<std::size_t>(wanted) : kGenerated, 1'000'000);
    context.warning(fmt::format(
        "path is auto and {} is not set: drawing {} synthetic digits. Set {} or path to a "
        "directory with IDX files to work with real ones",
        kDataVariable, group_digits(count), kDataVariable));
    synthetic_ = true;
    DigitSet digits = scanflow::digits::generate(count, seed(), [&context](double done) {
      context.progress(done, "drawing digits");
      return !context.cancelled();
    });
    return {std::move(digits), fmt::format("drawn (seed {})", config_.seed)};
  }

  static void write(scanflow::Context& context, const char* name, const DigitSet& digits,
                    const std::vector<std::size_t>& positions) {
    scanflow::data::write_dataset(context.artifact_directory(name), digits.select(positions));
  }

  LoadConfig config_;
  bool synthetic_ = false;
};

}  // namespace

SCANFLOW_PLUGIN("mnist", "1.0.0", Load)
