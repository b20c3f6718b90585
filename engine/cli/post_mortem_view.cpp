#include "engine/cli/post_mortem_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kCurve = 24, kShortCurve = 12;  // columns
constexpr std::size_t kLastLines = 5;
constexpr double kWorthGrowth = 65536;   // bytes a second
constexpr double kWorthPressure = 0.01;  // of the time

/// It may come from another version, or from a sidecar that knew less: nothing is taken for granted.
json member(const json& object, const char* name) {
  return object.is_object() ? object.value(name, json()) : json();
}

std::optional<double> sample_text(const json& object, const char* name) {
  const json value = member(object, name);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string text(const json& object, const char* name) {
  const json value = member(object, name);
  return value.is_string() ? printable(value.get<std::string>()) : std::string();
}

std::string bytes(double value) {
  return format_bytes(static_cast<std::uint64_t>(std::max(value, 0.0)));
}

std::string seconds(double value) {
  return format_duration(static_cast<std::int64_t>(std::max(value, 0.0) * 1e6));
}

void add(std::string& all, std::string_view separator, const std::string& part) {
  if (part.empty()) return;
  if (!all.empty()) all += separator;
  all += part;
}

/// "limit 512 MiB, peak 520 MiB, growing 9.0 MiB/s for 41 s", without what the message says.
std::string figures(const Ended& ended) {
  const json memory = member(ended.post_mortem, "memory");
  std::string all;
  const auto say = [&](const char* name, std::optional<double> value) {
    if (!value || ended.message.find(bytes(*value)) != std::string::npos) return;
    add(all, ", ", fmt::format("{} {}", name, bytes(*value)));
  };
  const auto limit = sample_text(memory, "limit_bytes"), peak = sample_text(memory, "peak_bytes");
  say("limit", limit);
  // One below the limit that was reached is only what the last sample before it saw.
  if (ended.cause != "oom" || !limit || !peak || *peak >= *limit) say("peak", peak);
  const double growth = sample_text(memory, "slope_bytes_s").value_or(0);
  if (growth < kWorthGrowth) return all;
  std::string growing = fmt::format("growing {}/s", bytes(growth));
  if (const auto since = sample_text(memory, "growing_s")) growing += " for " + seconds(*since);
  add(all, ", ", growing);
  return all;
}

/// Where it is not what the engine holds it to be: "probably out of memory: killed by the kernel".
std::string doubt(const Ended& ended) {
  if (text(ended.post_mortem, "cause") != "out_of_memory" || ended.cause == "oom") return {};
  const bool certain = member(ended.post_mortem, "certain") == json(true);
  return (certain ? "" : "probably ") + text(ended.post_mortem, "reason");
}

std::vector<double> values_of(const json& curve) {
  std::vector<double> values;
  for (const json& value : member(curve, "values")) {
    values.push_back(value.is_number() ? value.get<double>()
                                       : std::numeric_limits<double>::quiet_NaN());
  }
  return values;
}

std::vector<double> curve_of(const json& post_mortem, std::string_view signal) {
  for (const json& each : member(post_mortem, "curves")) {
    if (member(each, "signal") == json(signal)) return values_of(each);
  }
  return {};
}

double greatest_sample(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::fmax(most, value);
  return most;
}

/// Memory between 0 and its limit, CPU between 0 and a core, or what it took of more.
std::string curves(const Ended& ended, std::size_t columns, Letters letters) {
  const auto memory = curve_of(ended.post_mortem, "memory_bytes");
  const auto cpu = curve_of(ended.post_mortem, "cpu_cores");
  const double limit = sample_text(member(ended.post_mortem, "memory"), "limit_bytes")
                           .value_or(greatest_sample(memory));
  std::string all;
  const std::string of_memory =
      curve(memory, std::max(limit, greatest_sample(memory)), columns, letters);
  const std::string of_cpu = curve(cpu, std::max(1.0, greatest_sample(cpu)), columns, letters);
  if (!of_memory.empty()) add(all, "  ", "memory " + of_memory);
  if (!of_cpu.empty()) add(all, "  ", "CPU " + of_cpu);
  return all;
}

/// "pressure: memory 38 %, CPU 4 %"
std::string pressure(const Ended& ended) {
  const json pressures = member(ended.post_mortem, "pressure");
  std::string all;
  for (const auto& [name, said] : {std::pair{"memory", "memory"}, {"cpu", "CPU"}, {"io", "I/O"}}) {
    const double share = sample_text(pressures, name).value_or(0);
    if (share >= kWorthPressure) add(all, ", ", fmt::format("{} {:.0f} %", said, share * 100));
  }
  return all.empty() ? all : "pressure: " + all;
}

/// "epoch 4, batch 118" of what the step said of it; else its file.
std::string state_of(const json& checkpoint) {
  std::string all;
  for (const auto& [name, value] : checkpoint.items()) {
    const bool of_file = name == "path" || name == "sha256" || name == "bytes";
    if (of_file || name == "seconds_before" || !value.is_primitive() || all.size() > 60) continue;
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    add(all, ", ", printable(fmt::format("{} {}", name, shown)));
  }
  return all.empty() ? text(checkpoint, "path") : all;
}

/// "epoch 4, taken 3.0 s before the end"
std::string checkpoint(const Ended& ended) {
  const json taken = member(ended.post_mortem, "checkpoint");
  if (!taken.is_object()) return {};
  std::string all = state_of(taken);
  if (const auto before = sample_text(taken, "seconds_before"))
    add(all, ", ", fmt::format("taken {} before the end", seconds(*before)));
  return all.empty() ? all : "checkpoint: " + all;
}

/// Only where the step's attempts share it does anything go on from it.
bool is_shared(const Ended& ended) {
  return text(member(ended.post_mortem, "checkpoint"), "path").find("/checkpoints/") !=
         std::string::npos;
}

std::vector<std::string> last_lines(const Ended& ended) {
  std::vector<std::string> lines;
  for (const json& line : member(ended.post_mortem, "last_lines")) {
    if (line.is_string()) lines.push_back(printable(line.get<std::string>()));
  }
  if (lines.size() > kLastLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLastLines));
  // The message of a program that failed ends with it.
  if (lines.size() == 1 && ended.message.find(lines.front()) != std::string::npos) lines.clear();
  return lines;
}

}  // namespace

std::string post_mortem_lines(const Ended& ended, std::size_t columns, Letters letters) {
  std::string all;
  const auto line = [&](const std::string& words, std::size_t indent = 2) {
    if (words.empty()) return;
    const std::string whole = std::string(indent, ' ') + words;
    all += (columns > 0 ? fit(whole, columns) : whole) + "\n";
  };
  std::string said = figures(ended);
  add(said, "; ", doubt(ended));
  line(said);
  // Both curves and the pressure on 80 columns.
  const std::size_t room = columns > 0 && columns < 90 ? kShortCurve : kCurve;
  std::string drawn = curves(ended, room, letters);
  add(drawn, "  ", pressure(ended));
  line(drawn);
  if (const auto lines = last_lines(ended); !lines.empty()) {
    line("last lines:");
    for (const std::string& each : lines) line(each, 4);
  }
  if (const auto ahead = sample_text(ended.post_mortem, "warned_seconds_before"))
    line(fmt::format("its sidecar warned {} before", seconds(*ahead)));
  const std::string saved = checkpoint(ended);
  line(saved);
  // Uncut: it is there to be pasted.
  if (!saved.empty() && is_shared(ended) && !ended.retry.empty())
    all += fmt::format("  go on from it: {}\n", ended.retry);
  return all;
}

std::string post_mortem_line(const Ended& ended, Letters letters) {
  std::string all = figures(ended);
  add(all, "; ", doubt(ended));
  for (const std::string& part :
       {curves(ended, kShortCurve, letters), pressure(ended), checkpoint(ended)}) {
    add(all, "  ", part);
  }
  return all;
}

}  // namespace scanflow::cli
