#include "engine/pipeline/formats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

template <class T>
Result<double> as_number(const Result<T>& parsed) {
  if (!parsed) return tl::unexpected(parsed.error());
  return static_cast<double>(*parsed);
}

Result<double> duration(std::string_view text) { return as_number(parse_duration(text)); }
Result<double> bytes(std::string_view text) { return as_number(parse_bytes(text)); }

std::string print_duration(double us) { return format_duration(static_cast<std::int64_t>(us)); }
std::string print_bytes(double bytes) { return format_bytes(static_cast<std::uint64_t>(bytes)); }
std::string print_cpu(double cpus) { return fmt::format("{}", cpus); }

constexpr std::array kFormats{
    Format{"duration", "a duration (500ms, 10m, 1h30m)",
           R"(^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(us|ms|s|m|h|d|w))+$)", true, false, duration,
           print_duration},
    Format{"bytes", "a size (512Mi, 1.5G)",
           R"(^([0-9]+(\.[0-9]*)?|\.[0-9]+)(k|M|G|T|Ki|Mi|Gi|Ti)?$)", true, true, bytes,
           print_bytes},
    Format{"cpu", "a number of CPUs (2, 0.5, 500m)", R"(^([0-9]+(\.[0-9]*)?|\.[0-9]+)m?$)", true,
           true, parse_cpu, print_cpu},
    Format{"label", "", "^[a-z0-9][a-z0-9-]{0,62}$", true},
    Format{"identifier", "", "^[A-Za-z_][A-Za-z0-9_]*$"},
    Format{"variable", "", "^(?!SCANFLOW_)[A-Za-z_][A-Za-z0-9_]*$"},
    Format{"literal", "", R"(^(?![\s\S]*\$\{\{))"},
    Format{"expression", "an expression (\"${{ ... }}\")", R"(^\s*\$\{\{[\s\S]*\}\}\s*$)"},
};

}  // namespace

const Format* find_format(std::string_view name) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const Format& format) { return format.name == name; });
  return found == kFormats.end() ? nullptr : found;
}

}  // namespace scanflow::pipeline
