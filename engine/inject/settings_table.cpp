// The table itself: names, words, defaults, and how each value is read.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "engine/inject/settings.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/units.hpp"
#include "sidecar/collect/rule.hpp"

namespace scanflow::inject {
namespace {

constexpr std::string_view kHub = "tcp://scanflow-hub.scanflow:4190";
constexpr std::string_view kImage = "scanflow-sidecar";

tl::unexpected<Error> refuse(std::string_view value, std::string_view takes) {
  return fail(fmt::format("'{}' is not allowed; it takes {}", value, takes));
}

/// Decimal digits, and nothing else.
std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_port(std::string_view text) {
  const auto value = number(text);
  return value && *value > 0 && *value <= 65535;
}

/// What stands between separators, without blanks around it; nothing for what is blank.
std::vector<std::string> parts(std::string_view text, std::string_view separators) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (const auto part = stripped(text.substr(0, end)); !part.empty()) all.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

Result<void> set_inject(Settings& settings, std::string_view value) {
  if (value != "enabled" && value != "disabled") return refuse(value, "enabled or disabled");
  settings.wanted = value == "enabled" ? Wanted::enabled : Wanted::disabled;
  return {};
}

Result<void> set_shape(Settings& settings, std::string_view value) {
  if (value != "native" && value != "plain") return refuse(value, "native or plain");
  settings.shape = value == "native" ? Shape::native : Shape::plain;
  return {};
}

Result<void> set_image(Settings& settings, std::string_view value) {
  if (value.empty() || value.find_first_of(" \t\r\n'\"") != std::string_view::npos)
    return refuse(value, "the name of an image, such as registry.local/scanflow-sidecar:1.2");
  settings.image = value;
  return {};
}

Result<void> set_pull_policy(Settings& settings, std::string_view value) {
  if (value != "Always" && value != "IfNotPresent" && value != "Never")
    return refuse(value, "Always, IfNotPresent or Never");
  settings.image_pull_policy = value;
  return {};
}

Result<void> set_endpoint(std::string& endpoint, std::string_view value) {
  constexpr std::string_view kTcp = "tcp://";
  const std::size_t colon = value.rfind(':');
  if (!value.starts_with(kTcp) || colon <= kTcp.size() || !is_port(value.substr(colon + 1)) ||
      value.find_first_of(" \t\r\n/", kTcp.size()) != std::string_view::npos) {
    return refuse(value, "tcp://HOST:PORT");
  }
  endpoint = value;
  return {};
}
Result<void> set_hub(Settings& settings, std::string_view value) {
  return set_endpoint(settings.hub, value);
}
Result<void> set_bulk(Settings& settings, std::string_view value) {
  if (value != "none") return set_endpoint(settings.bulk, value);
  settings.bulk.clear();
  return {};
}

Result<void> set_hub_secret(Settings& settings, std::string_view value) {
  const bool named =
      !value.empty() && value.size() <= 253 && std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      });
  if (!named) return refuse(value, "the name of a Secret: a-z, 0-9, '-' and '.'");
  settings.hub_secret = value;
  return {};
}

Result<void> set_containers(Settings& settings, std::string_view value) {
  auto names = parts(value, ",");
  if (names.empty()) return refuse(value, "names of containers, separated by ','");
  if (std::set(names.begin(), names.end()).size() != names.size())
    return refuse(value, "each name once");
  settings.containers = std::move(names);
  return {};
}

Result<void> set_admin(Settings& settings, std::string_view value) {
  const std::size_t colon = value.rfind(':');
  if (value == "none") {
    settings.admin.clear();
  } else if (is_port(value)) {
    settings.admin = fmt::format("127.0.0.1:{}", value);
  } else if (colon != std::string_view::npos && colon > 0 && is_port(value.substr(colon + 1))) {
    settings.admin = value;
  } else {
    return refuse(value, "PORT (on localhost), ADDRESS:PORT or none");
  }
  return {};
}

Result<void> set_rules(Settings& settings, std::string_view value) {
  std::string lines;
  for (const std::string& rule : parts(value, ";\n")) {
    if (auto read = collect::parse_rule(rule); !read) return fail(read.error().message);
    lines += lines.empty() ? rule : "\n" + rule;
  }
  settings.rules = std::move(lines);
  return {};
}

Result<void> set_grace(Settings& settings, std::string_view value) {
  if (auto read = parse_duration(value); !read) return fail(read.error().message);
  settings.grace = value;
  return {};
}

Result<void> set_cpu(std::string& cpu, std::string_view value) {
  const auto read = parse_cpu(value);
  if (!read || *read <= 0) return refuse(value, "processors, such as 5m or 0.1");
  cpu = value;
  return {};
}
Result<void> set_cpu_request(Settings& settings, std::string_view value) {
  return set_cpu(settings.cpu_request, value);
}
Result<void> set_cpu_limit(Settings& settings, std::string_view value) {
  if (value != "none") return set_cpu(settings.cpu_limit, value);
  settings.cpu_limit.clear();
  return {};
}

Result<void> set_memory(std::string& memory, std::string_view value) {
  const auto read = parse_bytes(value);
  if (!read || *read == 0) return refuse(value, "bytes, such as 32Mi");
  memory = value;
  return {};
}
Result<void> set_memory_request(Settings& settings, std::string_view value) {
  return set_memory(settings.memory_request, value);
}
Result<void> set_memory_limit(Settings& settings, std::string_view value) {
  return set_memory(settings.memory_limit, value);
}

constexpr std::array kTable = {
    Setting{"inject", "whether there is to be a sidecar", "`enabled`, `disabled`",
            "`scanflow inject` injects", false, set_inject},
    Setting{"shape",
            "an init container that stays (Kubernetes 1.29 and later), or a plain container, last",
            "`native`, `plain`", "`native`", true, set_shape},
    Setting{"image", "the sidecar's image", "an image", "`scanflow-sidecar:VERSION`", true,
            set_image},
    Setting{"image-pull-policy", "when it is pulled", "`Always`, `IfNotPresent`, `Never`",
            "Kubernetes' own rule", true, set_pull_policy},
    Setting{"hub", "where the hub is", "`tcp://HOST:PORT`", "`tcp://scanflow-hub.scanflow:4190`",
            true, set_hub},
    Setting{"bulk", "where the hub has files, which commands may have brought into the Pod",
            "`tcp://HOST:PORT`, `none`", "`none`", true, set_bulk},
    Setting{"hub-secret", "a Secret of the Pod's namespace with `hub-key`, `key`, `secret-key`",
            "a name", "`scanflow-hub`", true, set_hub_secret},
    Setting{"containers",
            "which containers are the app's; the sidecar runs as the first one's user",
            "names, separated by `,`", "all of them", true, set_containers},
    Setting{"admin", "where `/ready`, `/live` and `/metrics` are served",
            "`PORT` (on localhost), `ADDRESS:PORT`, `none`", "`none`", true, set_admin},
    Setting{"rules", "what the sidecar does by itself", "rules, separated by `;`",
            "a checkpoint ahead of an OOM", true, set_rules},
    Setting{"grace", "how long it may take to hand over what it keeps when it is ended",
            "a duration", "`10s`", true, set_grace},
    Setting{"cpu-request", "requested processors", "`5m`, `0.1`, ...", "`5m`", true,
            set_cpu_request},
    Setting{"cpu-limit", "most processors", "`100m`, ..., `none`", "`none`", true, set_cpu_limit},
    Setting{"memory-request", "requested memory", "`16Mi`, ...", "`16Mi`", true,
            set_memory_request},
    Setting{"memory-limit", "most memory", "`32Mi`, ...", "`32Mi`", true, set_memory_limit},
};

}  // namespace

std::span<const Setting> table() { return kTable; }

Settings defaults(std::string_view version) {
  Settings settings;
  settings.image = fmt::format("{}:{}", kImage, version);
  settings.hub = kHub;
  settings.hub_secret = "scanflow-hub";
  settings.cpu_request = "5m";
  settings.memory_request = "16Mi";
  settings.memory_limit = "32Mi";
  settings.version = version;
  return settings;
}

}  // namespace scanflow::inject
