#include "engine/pipeline/policy_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/value_check.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

void read_backoff(const Node& node, Backoff& backoff, Problems& problems) {
  const MapReader map(node, backoff_fields(), problems);
  if (const Node* initial = map.get("initial")) backoff.initial_us = duration_of(*initial);
  if (const Node* factor = map.get("factor")) backoff.factor = number_of(*factor);
  if (const Node* max = map.get("max")) {
    backoff.max_us = duration_of(*max);
    if (backoff.max_us < backoff.initial_us) {
      problems.add(
          *max, fmt::format("'backoff.max' ({}) is below 'backoff.initial' ({})",
                            format_duration(backoff.max_us), format_duration(backoff.initial_us)));
    }
  }
  if (const Node* jitter = map.get("jitter")) backoff.jitter = number_of(*jitter);
}

void read_amount(const Node& node, const Table& table, double& cpu, std::uint64_t& memory,
                 Problems& problems) {
  const MapReader map(node, table, problems);
  if (const Node* cpus = map.get("cpu")) cpu = parse_cpu(cpus->text).value();
  if (const Node* bytes = map.get("memory")) memory = parse_bytes(bytes->text).value();
}

}  // namespace

namespace {

constexpr const char* kSecretForms =
    "{env: VARIABLE}, of whoever starts the run, {file: PATH}, or {secret: {name: NAME, key: KEY}} "
    "of the cluster: its value itself has no place in a pipeline";

bool has_only(std::string_view text, std::string_view others, bool capitals) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (capitals && c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_secret_name(std::string_view text) {
  constexpr std::string_view kBetween = "-.";
  return has_only(text, kBetween, false) && kBetween.find(text.front()) == std::string_view::npos &&
         kBetween.find(text.back()) == std::string_view::npos;
}

void read_secret_key(const Node& node, Secret& secret, Problems& problems) {
  const MapReader map(node, secret_key_fields(), problems);
  if (const Node* name = map.get("name")) {
    secret.name = name->text;
    if (!is_secret_name(name->text)) {
      problems.add(*name, fmt::format("'{}' is no name of a Secret", printable(name->text))).hint =
          "small letters, digits, '-' and '.'";
    } else if (name->text.starts_with("scanflow-")) {  // or a step would have other Pods' keys
      problems
          .add(*name, fmt::format("'{}' is Scanflow's own: keys of Pods are in such", name->text))
          .hint = "give the Secret another name";
    }
  }
  if (const Node* key = map.get("key")) {
    secret.key = key->text;
    if (!has_only(key->text, "-._", true))
      problems.add(*key, fmt::format("'{}' is no key of a Secret", printable(key->text))).hint =
          "letters, digits, '-', '_' and '.'";
  }
}

}  // namespace

void read_secret(const Node& node, Secret& secret, Problems& problems) {
  if (!node.is_map()) {
    problems.add(node, "a secret says where its value comes from").hint = kSecretForms;
    return;
  }
  const MapReader map(node, secret_fields(), problems);
  const Node* env = map.get("env");
  const Node* file = map.get("file");
  if (static_cast<int>(map.has("env")) + map.has("file") + map.has("secret") != 1)
    problems.add(node, "a secret has one of 'env', 'file' and 'secret'").hint = kSecretForms;
  if (env != nullptr) secret.env = env->text;
  if (file != nullptr) secret.file = file->text;
  if (const Node* key = map.get("secret")) read_secret_key(*key, secret, problems);
  if (env != nullptr && !is_identifier(env->text)) {
    problems
        .add(*env,
             fmt::format("'{}' is not the name of an environment variable", printable(env->text)))
        .hint = "letters, digits and '_', not beginning with a digit";
  }
  if (file != nullptr && has_expression(file->text)) {
    problems.add(*file, "'file' cannot hold an expression").hint = "write the path";
  }
}

namespace {

json words_of(const Node& list) {
  json words = json::array();
  for (const Node* word : list.items) words.push_back(word->text);
  return words;
}

/// A program and its arguments, which are the same for every attempt.
json read_argv(const Node& argv, Problems& problems) {
  const bool words = argv.is_list() && !argv.items.empty() &&
                     std::all_of(argv.items.begin(), argv.items.end(), [](const Node* word) {
                       return word->is_scalar() && !has_expression(word->text);
                     });
  if (words) return words_of(argv);
  problems.add(argv, "a program is a list of texts without expressions").hint =
      "itself and its arguments: [./warm.sh, --fast]";
  return json::array();
}

void read_hook(const Node& name, const Node& argv, json& hooks, Problems& problems) {
  if (!is_label(name.text)) {
    problems.add(name, fmt::format("'{}' is not the name of a hook", printable(name.text))).hint =
        std::string(kLabelRule);
  }
  hooks[name.text] = read_argv(argv, problems);
}

json read_checkpoint(const Node& node, Problems& problems) {
  const MapReader map(node, checkpoint_fields(), problems);
  json checkpoint = json::object();
  if (map.has("signal") == map.has("program")) {
    problems.add(node, "a checkpoint has one of 'signal' and 'program'").hint =
        "{signal: SIGUSR1, file: PATH}, or {program: [...], file: PATH}";
  }
  if (const Node* signal = map.get("signal")) checkpoint["signal"] = signal->text;
  if (const Node* program = map.get("program"))
    checkpoint["program"] = read_argv(*program, problems);
  if (const Node* file = map.get("file")) {
    checkpoint["file"] = file->text;
    if (has_expression(file->text))
      problems.add(*file, "'file' cannot hold an expression").hint = "write the path";
  }
  return checkpoint;
}

}  // namespace

void read_sidecar(const Node& node, json& sidecar, Problems& problems) {
  sidecar = json::object();
  if (node.is_scalar()) {
    if (!is_true(node)) sidecar = nullptr;
    return;
  }
  const MapReader map(node, sidecar_fields(), problems);
  if (const Node* rules = map.get("rules")) {
    sidecar["rules"] = rules->is_scalar() ? json::array({rules->text}) : words_of(*rules);
  }
  if (const Node* hooks = map.get("hooks")) {
    for (std::size_t i = 0; i + 1 < hooks->items.size(); i += 2)
      read_hook(*hooks->items[i], *hooks->items[i + 1], sidecar["hooks"], problems);
  }
  if (const Node* checkpoint = map.get("checkpoint"))
    sidecar["checkpoint"] = read_checkpoint(*checkpoint, problems);
}

void read_retry(const Node& node, Retry& retry, Problems& problems) {
  if (!node.is_map()) {
    retry.limit = static_cast<std::uint32_t>(number_of(node));
    return;
  }
  const MapReader map(node, retry_fields(), problems);
  if (const Node* limit = map.get("limit")) {
    retry.limit = static_cast<std::uint32_t>(number_of(*limit));
  }
  if (const Node* backoff = map.get("backoff")) read_backoff(*backoff, retry.backoff, problems);
  const Node* on = map.get("on");
  if (on == nullptr) return;
  retry.on.clear();
  const auto add = [&](const Node& name) {
    if (const auto cause = parse_cause(name.text)) retry.on.push_back(*cause);
  };
  if (on->is_scalar()) return add(*on);
  for (const Node* cause : on->items) add(*cause);
}

void read_pool(const Node& node, Pool& pool, Problems& problems) {
  const Node* name = &node;
  pool = {};
  if (node.is_map()) {
    const MapReader map(node, pool_fields(), problems);
    name = map.get("name");
    if (const Node* limit = map.get("limit")) {
      pool.limit = static_cast<std::uint32_t>(number_of(*limit));
    }
  }
  if (name == nullptr) return;
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
  const MapReader map(node, approve_fields(), problems);
  if (const Node* message = map.get("message")) approval.message = message->text;
  if (const Node* timeout = map.get("timeout")) approval.timeout_us = duration_of(*timeout);
  const Node* after = map.get("default");
  if (after == nullptr) return;
  approval.approve_after = after->text == "approve";
  if (!map.has("timeout")) {
    problems.add(*after, "'approve.default' holds after the timeout, and there is none").hint =
        "add a timeout, or remove it";
  }
}

void read_cache(const Node& node, Cache& cache, Problems& problems) {
  if (node.is_scalar()) {
    cache.enabled = is_true(node);
    return;
  }
  const MapReader map(node, cache_fields(), problems);
  cache.enabled = true;
  if (const Node* age = map.get("max_age")) cache.max_age_us = duration_of(*age);
}

namespace {

/// As Kubernetes names what is no CPU and no memory: a domain, '/', a name.
bool is_device(std::string_view text) {
  constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto is_name = [](std::string_view part, const std::string& ends, const char* between) {
    return !part.empty() && ends.find(part.front()) != std::string::npos &&
           ends.find(part.back()) != std::string::npos &&
           part.find_first_not_of(ends + between) == std::string_view::npos;
  };
  return slash < text.size() && is_name(text.substr(0, slash), std::string(kLower), ".-") &&
         is_name(text.substr(slash + 1), std::string(kLower) + std::string(kUpper), "._-");
}

void read_devices(const Node& node, Resources& resources, Problems& problems) {
  const MapReader map(node, devices_fields(), problems);
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node &name = *node.items[i], &count = *node.items[i + 1];
    if (!is_device(name.text)) {
      problems.add(name, fmt::format("'{}' is no device", printable(name.text))).hint =
          "a resource that a device plugin of the cluster offers, with its domain: nvidia.com/gpu";
      continue;
    }
    Field field = *devices_fields().others;
    field.name = name.text;
    if (check_value(field, count, problems))
      resources.devices[name.text] = static_cast<std::uint32_t>(number_of(count));
  }
}

}  // namespace

void read_resources(const Node& node, Resources& resources, Problems& problems) {
  const MapReader map(node, resources_fields(), problems);
  const Node* requests = map.get("requests");
  const Node* limits = map.get("limits");
  if (requests != nullptr) {
    read_amount(*requests, request_fields(), resources.cpu_request, resources.memory_request,
                problems);
  }
  if (limits != nullptr) {
    read_amount(*limits, limit_fields(), resources.cpu_limit, resources.memory_limit, problems);
  }
  if (const Node* devices = map.get("devices")) read_devices(*devices, resources, problems);
  const auto said = [&](const char* what) {
    return requests != nullptr && requests->find(what) != nullptr;
  };
  // As in Kubernetes: what is not requested is the limit.
  if (resources.cpu_limit > 0 && !said("cpu")) resources.cpu_request = resources.cpu_limit;
  if (resources.memory_limit > 0 && !said("memory")) {
    resources.memory_request = resources.memory_limit;
  }
  const Node& at = limits != nullptr ? *limits : requests != nullptr ? *requests : node;
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
