#include "plugins/steps/capture/captured_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/steps/capture/capture_step.hpp"

namespace scanflow::capture {
namespace {

std::uint8_t grey_of(float value) {
  if (!(value > 0)) return 0;
  return static_cast<std::uint8_t>(std::lround(std::min(value, 255.0F)));
}

data::DigitSet digits_of(const Captured& rows) {
  const Column& column = rows.column;
  const bool bytes = column.datatype == "UINT8" && column.bytes == data::kPixels;
  const bool floats = column.datatype == "FP32" && column.bytes == data::kPixels * sizeof(float);
  if (!rows.times_us.empty() && !bytes && !floats) {
    throw Error(
        fmt::format("the tensor '{}' is of {} with {} bytes a row: images of 28 x 28 "
                    "grey values are FP32 or UINT8",
                    column.name, column.datatype, column.bytes));
  }
  data::DigitSet digits;
  digits.labels.resize(rows.times_us.size());
  digits.pixels.resize(rows.times_us.size() * data::kPixels);
  for (std::size_t i = 0; i < digits.pixels.size(); ++i) {
    if (bytes) {
      digits.pixels[i] = static_cast<std::uint8_t>(rows.values[i]);
      continue;
    }
    float value = 0;
    std::memcpy(&value, rows.values.data() + i * sizeof value, sizeof value);
    digits.pixels[i] = grey_of(value);
  }
  return digits;
}

void write_ids(const std::filesystem::path& file, const Captured& rows) {
  std::ofstream out(file);
  out << nlohmann::json{{"format", "scanflow.ids/1"}, {"ids", rows.ids}}.dump() << '\n';
  out.close();
  if (!out) throw Error(file.string() + ": cannot write the ids (disk full?)");
}

}  // namespace

Description CapturedRequests::describe() {
  return {.id = "requests.captured",
          .version = "1.0.0",
          .summary = "What a service was asked, as a dataset without labels",
          .outputs = {{"count", "integer", "rows"},
                      {"first_us", "integer", "time of the first; 0: there is none"},
                      {"last_us", "integer", "of the last"}},
          .artifacts = {{"dataset", "the images, in the order in which they came; labels are 0"},
                        {"ids", "JSON: what tells them apart, in the same order"}}};
}

nlohmann::json CapturedRequests::run(Context& context) {
  Selection selection;
  selection.tensor = config_.tensor;
  selection.id = config_.id;
  selection.since_us = config_.since_us;
  if (config_.until_us > 0) selection.until_us = config_.until_us;
  selection.newest = static_cast<std::size_t>(config_.newest);
  const auto directory = directory_of(config_.path);
  const Captured rows = read(directory, selection);
  data::write_dataset(context.artifact_directory("dataset"), digits_of(rows));
  write_ids(context.artifact_file("ids"), rows);
  const bool none = rows.times_us.empty();
  return {{"count", rows.times_us.size()},
          {"first_us", none ? 0 : rows.times_us.front()},
          {"last_us", none ? 0 : rows.times_us.back()},
          {"summary", fmt::format("{} requests kept in {}",
                                  data::group_digits(rows.times_us.size()), directory.string())}};
}

}  // namespace scanflow::capture
