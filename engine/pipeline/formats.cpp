#include "engine/pipeline/formats.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/pipeline/application_spec.hpp"
#include "engine/pipeline/image_name.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/signals.hpp"
#include "sdk/base/units.hpp"
#include "sidecar/collect/rule.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::pipeline {
namespace {

template <class T>
Result<double> as_number(const Result<T>& parsed) {
  if (!parsed) return tl::unexpected(parsed.error());
  return static_cast<double>(*parsed);
}

Result<double> duration(std::string_view text) { return as_number(parse_duration(text)); }
Result<double> bytes(std::string_view text) { return as_number(parse_bytes(text)); }

Result<double> share(std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view digits = text.substr(0, text.size() - (percent ? 1 : 0));
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number))
    return fail(fmt::format("'{}' is not a share (0.1%, or 0.001)", printable(text)));
  return percent ? number / 100 : number;
}

constexpr std::string_view kModelUrl =
    R"(^http://[^/?#@\s]+(/[^\s?#@]*)?/v2/models/[^/\s?#@]+(/versions/[^/\s?#@]+)?$)";

Result<double> image(std::string_view text) {
  if (const auto name = check_image_name(text); !name) return tl::unexpected(name.error());
  return 0;
}

/// As kModelUrl says it.
Result<double> model_url(std::string_view text) {
  constexpr std::string_view kHttp = "http://", kModels = "/v2/models/", kVersions = "/versions/";
  const auto none = [] { return fail("it is not http://HOST:PORT/v2/models/NAME"); };
  if (!text.starts_with(kHttp) || text.find_first_of(" \t\r\n?#@") != std::string_view::npos)
    return none();
  text.remove_prefix(kHttp.size());
  const std::string_view host = text.substr(0, std::min(text.find('/'), text.size()));
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    if (colon == 0 || port.empty() || port.size() > 5 ||
        port.find_first_not_of("0123456789") != std::string_view::npos ||
        std::stoi(std::string(port)) > 65535)
      return none();
  }
  const std::size_t models = text.rfind(kModels);
  if (models == std::string_view::npos || text.find('/') == 0) return none();
  text.remove_prefix(models + kModels.size());
  const std::size_t slash = text.find('/');
  if (slash == 0 || text.empty()) return none();
  if (slash == std::string_view::npos) return 0;
  const std::string_view version = text.substr(slash);
  const bool named = version.starts_with(kVersions) && version.size() > kVersions.size() &&
                     version.find('/', kVersions.size()) == std::string_view::npos;
  return named ? Result<double>(0) : none();
}

Result<double> rule(std::string_view text) {
  const auto parsed = collect::parse_rule(text);
  if (!parsed) return tl::unexpected(parsed.error());
  const auto* primitive = protocol::find_primitive(parsed->primitive);
  if (primitive != nullptr) {
    const bool alone = primitive->schema.find("required") == std::string_view::npos &&
                       primitive->name != "set_param";
    if (alone) return 0;
    return fail(fmt::format("'{}' needs arguments, which a rule cannot give", primitive->name));
  }
  std::vector<std::string> names;
  for (const protocol::Primitive& known : protocol::primitives()) names.emplace_back(known.name);
  const std::string near = nearest(parsed->primitive, names);
  return fail(fmt::format("there is no primitive '{}'{}", parsed->primitive,
                          near.empty() ? " ('scanflow primitive list' shows them)"
                                       : fmt::format("; did you mean '{}'?", near)));
}

Result<double> pipelines(std::string_view text) {
  if (parse_use(text)) return 0;
  return fail("it is neither NAMESPACE/NAME, NAMESPACE/NAME@VERSION nor NAMESPACE/*");
}

Result<double> signal(std::string_view text) {
  const auto number = signal_named(text);
  if (!number) return tl::unexpected(number.error());
  if (*number == SIGKILL || *number == SIGSTOP)
    return fail("no program can do anything at this signal: SIGUSR1 is one for such purposes");
  return *number;
}

std::string print_duration(double us) { return format_duration(static_cast<std::int64_t>(us)); }
std::string print_bytes(double bytes) { return format_bytes(static_cast<std::uint64_t>(bytes)); }
std::string print_cpu(double cpus) { return fmt::format("{}", cpus); }

constexpr std::array kFormats{
    Format{.name = "duration",
           .what = "a duration (500ms, 10m, 1h30m)",
           .pattern = R"(^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(us|ms|s|m|h|d|w))+$)",
           .constant = true,
           .parse = duration,
           .print = print_duration},
    Format{.name = "bytes",
           .what = "a size (512Mi, 1.5G)",
           .pattern = R"(^([0-9]+(\.[0-9]*)?|\.[0-9]+)(k|M|G|T|Ki|Mi|Gi|Ti)?$)",
           .constant = true,
           .numbers = true,
           .parse = bytes,
           .print = print_bytes},
    Format{.name = "cpu",
           .what = "a number of CPUs (2, 0.5, 500m)",
           .pattern = R"(^([0-9]+(\.[0-9]*)?|\.[0-9]+)m?$)",
           .constant = true,
           .numbers = true,
           .parse = parse_cpu,
           .print = print_cpu},
    Format{.name = "share",
           .what = "a share (0.1%, 0.001)",
           .pattern = R"(^([0-9]+(\.[0-9]*)?|\.[0-9]+)%?$)",
           .constant = true,
           .numbers = true,
           .parse = share},
    Format{.name = "expression",
           .what = "an expression (\"${{ ... }}\")",
           .pattern = R"(^\s*\$\{\{[\s\S]*\}\}\s*$)"},
    Format{.name = "label",
           .what = kLabelRule,
           .pattern = "^[a-z0-9][a-z0-9-]{0,62}$",
           .plain = true,
           .constant = true},
    Format{.name = "path",
           .what = "an absolute path (/data)",
           .pattern = "^/[^:]*$",
           .constant = true},
    Format{
        .name = "device",
        .what = "a resource's name with its domain (nvidia.com/gpu)",
        .pattern = R"(^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$)",
        .plain = true},
    Format{.name = "secret",
           .what = "a Secret's name: small letters, digits, '-' and '.'; scanflow-... are our own",
           .pattern = "^(?!scanflow-)[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
           .plain = true,
           .constant = true},
    Format{.name = "secret_key",
           .what = "letters, digits, '-', '_' and '.'",
           .pattern = "^[A-Za-z0-9._-]{1,253}$",
           .plain = true,
           .constant = true},
    Format{.name = "identifier",
           .what = "letters, digits and '_', not beginning with a digit",
           .pattern = "^[A-Za-z_][A-Za-z0-9_]*$",
           .plain = true},
    Format{.name = "variable",
           .what = "letters, digits and '_', not beginning with a digit or with SCANFLOW_",
           .pattern = "^(?!SCANFLOW_)[A-Za-z_][A-Za-z0-9_]*$",
           .plain = true},
    Format{.name = "cron",
           .what = "a cron expression (\"0 3 * * *\")",
           .pattern = R"(^\s*(@[A-Za-z]+|\S+(\s+\S+){4})\s*$)",
           .plain = true,
           .constant = true},
    Format{.name = "zone",
           .what = "the IANA name of a time zone (Europe/Madrid)",
           .pattern = R"(^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$)",
           .plain = true,
           .constant = true},
    Format{.name = "rule",
           .what = "a rule (memory_used_ratio > 92% rising for 5s -> checkpoint)",
           .pattern = R"(^\s*[a-z_]+\s*(>|>=|<|<=)[\s\S]*->\s*[a-z_]+\s*$)",
           .constant = true,
           .parse = rule},
    Format{.name = "signal",
           .what = "the name of a signal (SIGUSR1)",
           .pattern = "^(SIG)?[A-Z0-9]+$",
           .constant = true,
           .parse = signal},
    Format{.name = "image",
           .what = "the name of an image (registry.local/features:3)",
           .pattern = kImagePattern,
           .plain = true,
           .constant = true,
           .parse = image},
    Format{.name = "model url",
           .what = "the URL of a model (http://HOST:PORT/v2/models/NAME)",
           .pattern = kModelUrl,
           .plain = true,
           .constant = true,
           .parse = model_url},
    Format{.name = "pipelines",
           .what = "NAMESPACE/NAME, NAMESPACE/NAME@VERSION or NAMESPACE/*",
           .pattern = R"(^[a-z0-9][a-z0-9-]{0,62}/(\*|[a-z0-9][a-z0-9-]{0,62}(@[1-9][0-9]*)?)$)",
           .plain = true,
           .constant = true,
           .parse = pipelines},
    Format{.name = "literal",
           .what = "a value without expressions",
           .pattern = R"(^(?![\s\S]*\$\{\{))",
           .plain = true},
};

}  // namespace

const Format* find_format(std::string_view name) {
  const auto* found = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const Format& format) { return format.name == name; });
  return found == kFormats.end() ? nullptr : found;
}

}  // namespace scanflow::pipeline
