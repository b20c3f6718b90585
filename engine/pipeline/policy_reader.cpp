#include "engine/pipeline/policy_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::int64_t kMostAttempts = 1000;
constexpr double kHighestPriority = 100;

constexpr std::array kRetried{Cause::error, Cause::retryable, Cause::exit, Cause::crash,
                              Cause::oom,   Cause::timeout,   Cause::lost, Cause::evicted};

/// Values that are needed before anything runs.
bool is_literal(const Node& node, std::string_view field, Problems& problems) {
  if (!node.is_scalar() || !has_expression(node.text)) return true;
  problems.add(node, fmt::format("'{}' cannot hold an expression", field)).hint =
      "it is needed before anything is evaluated; write the value";
  return false;
}

bool is_bare_number(const Node& node) {
  const auto value = scalar_value(node);
  return value && value->is_number();
}

/// `none`: the hint where it is 0; empty where that is fine.
void read_duration(const Node& node, std::string_view field, std::string_view none,
                   std::int64_t& us, Problems& problems) {
  if (!is_literal(node, field, problems)) return;
  const auto parsed = parse_duration(node.text);
  if (parsed && *parsed <= 0 && !none.empty()) {
    problems.add(node, fmt::format("'{}' must be above 0", field)).hint = std::string(none);
    return;
  }
  if (parsed) {
    us = *parsed;
    return;
  }
  if (is_bare_number(node)) {
    problems.add(node, fmt::format("'{}' has no unit", field)).hint =
        fmt::format("write {0}s, {0}ms, {0}m, ...", node.text);
  } else {
    problems.add(node, fmt::format("'{}': {}", field, parsed.error().message));
  }
}

/// A number within a range.
void read_number(const Node& node, std::string_view field, double min, double max, double& out,
                 Problems& problems) {
  const double value = scalar_value(node).value_or(0).get<double>();
  if (value < min) {
    problems.add(node, fmt::format("'{}': {} is below the minimum {}", field, node.text, min));
  } else if (value > max) {
    problems.add(node, fmt::format("'{}': {} is above the maximum {}", field, node.text, max));
  } else {
    out = value;
  }
}

void read_retry_limit(const Node& node, Retry& retry, Problems& problems) {
  double value = retry.limit;
  read_number(node, "retry.limit", 0, static_cast<double>(kMostAttempts), value, problems);
  retry.limit = static_cast<std::uint32_t>(value);
}

void read_backoff(const Node& node, Backoff& backoff, Problems& problems) {
  const MapReader map(node, backoff_fields(), "retry.backoff", problems);
  if (const Node* initial = map.get("initial")) {
    read_duration(*initial, "backoff.initial", {}, backoff.initial_us, problems);
  }
  if (const Node* factor = map.get("factor")) {
    read_number(*factor, "backoff.factor", 1, 1000, backoff.factor, problems);
  }
  if (const Node* max = map.get("max")) {
    read_duration(*max, "backoff.max", {}, backoff.max_us, problems);
    if (backoff.max_us < backoff.initial_us) {
      problems.add(
          *max, fmt::format("'backoff.max' ({}) is below 'backoff.initial' ({})",
                            format_duration(backoff.max_us), format_duration(backoff.initial_us)));
    }
  }
  if (const Node* jitter = map.get("jitter")) {
    read_number(*jitter, "backoff.jitter", 0, 1, backoff.jitter, problems);
  }
}

void read_cause(const Node& node, std::vector<Cause>& causes, Problems& problems) {
  const auto cause = node.is_scalar() ? parse_cause(node.text) : std::nullopt;
  if (cause && std::find(kRetried.begin(), kRetried.end(), *cause) != kRetried.end()) {
    causes.push_back(*cause);
    return;
  }
  if (cause) {
    problems.add(node, fmt::format("'{}' is never retried", node.text)).hint =
        *cause == Cause::config ? "what is wrong now will be wrong again" : "remove it";
    return;
  }
  std::vector<std::string> names;
  names.reserve(std::size(kRetried));
  for (const Cause known : kRetried) names.emplace_back(name(known));
  const std::string near = node.is_scalar() ? nearest(node.text, names) : std::string();
  problems
      .add(node, node.is_scalar()
                     ? fmt::format("unknown cause '{}'", printable(node.text))
                     : fmt::format("a cause must be a word, not {}", describe_value(node)))
      .hint = near.empty() ? fmt::format("one of {}", join_or(names))
                           : fmt::format("did you mean '{}'?", near);
}

struct Amount {
  double* cpu;
  std::uint64_t* memory;
};

void read_amount(const Node& node, std::string_view what, Amount out, Problems& problems) {
  const MapReader map(node, amount_fields(), what, problems);
  const Node* cpu = map.get("cpu");
  if (cpu != nullptr && is_literal(*cpu, "cpu", problems)) {
    const auto parsed = parse_cpu(cpu->text);
    if (!parsed) {
      problems.add(*cpu, fmt::format("'{}.cpu': {}", what, parsed.error().message));
    } else if (*parsed <= 0) {
      problems.add(*cpu, fmt::format("'{}.cpu' must be above 0", what));
    } else {
      *out.cpu = *parsed;
    }
  }
  const Node* memory = map.get("memory");
  if (memory != nullptr && is_literal(*memory, "memory", problems)) {
    const auto parsed = parse_bytes(memory->text);
    if (!parsed) {
      problems.add(*memory, fmt::format("'{}.memory': {}", what, parsed.error().message));
    } else if (*parsed < (1 << 20)) {
      problems.add(*memory, fmt::format("'{}.memory': {} bytes are less than 1Mi", what, *parsed))
          .hint = "is a unit missing? 512Mi";
    } else {
      *out.memory = *parsed;
    }
  }
}

}  // namespace

void read_retry(const Node& node, Retry& retry, Problems& problems) {
  if (!node.is_map()) return read_retry_limit(node, retry, problems);
  const MapReader map(node, retry_fields(), "retry", problems);
  if (const Node* limit = map.get("limit")) read_retry_limit(*limit, retry, problems);
  if (const Node* backoff = map.get("backoff")) read_backoff(*backoff, retry.backoff, problems);
  const Node* on = map.get("on");
  if (on == nullptr) return;
  retry.on.clear();
  if (on->is_list()) {
    for (const Node* cause : on->items) read_cause(*cause, retry.on, problems);
  } else {
    read_cause(*on, retry.on, problems);
  }
}

void read_timeout(const Node& node, std::int64_t& timeout_us, Problems& problems) {
  read_duration(node, "timeout", "without a timeout leave the field out", timeout_us, problems);
}

void read_limit(const Node& node, std::string_view field, std::uint32_t& limit,
                Problems& problems) {
  const json value = scalar_value(node).value_or(0);
  if (value >= 1 && value <= 100'000) {
    limit = value.get<std::uint32_t>();
  } else {
    problems.add(node, fmt::format("'{}': {} is not between 1 and 100000", field, node.text));
  }
}

void read_priority(const Node& node, std::int32_t& priority, Problems& problems) {
  double value = 0;
  read_number(node, "priority", -kHighestPriority, kHighestPriority, value, problems);
  priority = static_cast<std::int32_t>(value);
}

void read_pool(const Node& node, Pool& pool, Problems& problems) {
  const Node* name = &node;
  pool = {};
  if (node.is_map()) {
    const MapReader map(node, pool_fields(), "pool", problems);
    name = map.get("name");
    if (const Node* limit = map.get("limit")) {
      read_limit(*limit, "pool.limit", pool.limit, problems);
    }
  }
  if (name == nullptr || !is_literal(*name, "pool", problems)) return;
  pool.name = name->text;
  if (is_label(name->text)) return;
  problems.add(*name, fmt::format("'{}' is not the name of a pool", printable(name->text))).hint =
      std::string(kLabelRule);
}

void read_approval(const Node& node, Approval& approval, Problems& problems) {
  approval = {};
  if (node.is_scalar()) {
    const json value = scalar_value(node).value_or(false);
    approval.wanted = value.is_string() || value == json(true);
    if (value.is_string()) approval.message = node.text;
    return;
  }
  approval.wanted = true;
  const MapReader map(node, approve_fields(), "approve", problems);
  if (const Node* message = map.get("message")) approval.message = message->text;
  const Node* timeout = map.get("timeout");
  if (timeout != nullptr) {
    read_duration(*timeout, "approve.timeout", "to wait for ever leave it out", approval.timeout_us,
                  problems);
  }
  const Node* after = map.get("default");
  if (after == nullptr) return;
  approval.approve_after = after->text == "approve";
  if (after->text != "approve" && after->text != "reject") {
    problems.add(*after, fmt::format("'approve.default' is approve or reject, not '{}'",
                                     printable(after->text)));
  } else if (timeout == nullptr) {
    problems.add(*after, "'approve.default' holds after the timeout, and there is none").hint =
        "add a timeout, or remove it";
  }
}

void read_cache(const Node& node, Cache& cache, Problems& problems) {
  if (node.is_scalar()) {
    cache.enabled = scalar_value(node).value_or(false) == json(true);
    return;
  }
  const MapReader map(node, cache_fields(), "cache", problems);
  cache.enabled = true;
  if (const Node* age = map.get("max_age")) {
    read_duration(*age, "cache.max_age", "for no limit: cache: true", cache.max_age_us, problems);
  }
}

void read_resources(const Node& node, Resources& resources, Problems& problems) {
  const MapReader map(node, resources_fields(), "resources", problems);
  const Node* requests = map.get("requests");
  const Node* limits = map.get("limits");
  if (requests != nullptr) {
    read_amount(*requests, "requests", {&resources.cpu_request, &resources.memory_request},
                problems);
  }
  if (limits != nullptr) {
    read_amount(*limits, "limits", {&resources.cpu_limit, &resources.memory_limit}, problems);
  }
  const auto said = [&](const char* what) {
    return requests != nullptr && requests->find(what) != nullptr;
  };
  // As in Kubernetes: what is not requested is the limit.
  if (resources.cpu_limit > 0 && !said("cpu")) resources.cpu_request = resources.cpu_limit;
  if (resources.memory_limit > 0 && !said("memory")) {
    resources.memory_request = resources.memory_limit;
  }
  const Node& at = limits != nullptr ? *limits : node;
  if (resources.cpu_limit > 0 && resources.cpu_request > resources.cpu_limit) {
    problems.add(at, fmt::format("the limit of {} CPUs is below the request of {}",
                                 resources.cpu_limit, resources.cpu_request));
  }
  if (resources.memory_limit > 0 && resources.memory_request > resources.memory_limit) {
    problems.add(at, fmt::format("the memory limit of {} is below the request of {}",
                                 format_bytes(resources.memory_limit),
                                 format_bytes(resources.memory_request)));
  }
}

}  // namespace scanflow::pipeline
