// What can be said about the injected sidecar. One table: annotations of a Pod template are read by
// it, options of the command line and their help are made of it, and so is the table for people.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::inject {

/// All annotations of ours begin so.
inline constexpr std::string_view kAnnotationPrefix = "scanflow.dev/";
/// What was injected, and what is needed to take it out again (record.hpp).
inline constexpr std::string_view kInjected = "scanflow.dev/injected";

/// Of a Pod that the engine itself makes. Empty text: left to the Pod.
struct Identity {
  std::string run, step;  // of the one attempt that is in it
  std::uint32_t attempt = 1;
  std::string pod_uid;   // where it is not to come from the downward API
  std::string pod_name;  // the same
  std::string steering;  // JSON, as in the attempt's request
};

/// CURVE keys (Z85) in plain sight, for where nobody but the engine's user sees a Pod.
struct Keys {
  std::string hub, key, secret;
};

enum class Shape : std::uint8_t { native, plain };
enum class Wanted : std::uint8_t { unsaid, enabled, disabled };

struct Settings {
  Wanted wanted = Wanted::unsaid;
  Shape shape = Shape::native;
  std::string image;
  std::string image_pull_policy;  // empty: Kubernetes' own
  std::string hub;                // tcp://host:port, or ipc:///path (which needs no keys)
  std::string hub_secret;         // holds hub-key, key and secret-key (Z85)
  std::string bulk;               // tcp://host:port of the hub's files; empty: none are brought
  std::vector<std::string> containers;  // the app's; empty: all there are
  std::string admin;                    // empty: none
  std::optional<std::string> rules;     // a line each; none: the sidecar's own
  std::string grace;                    // empty: the sidecar's own
  std::string cpu_request, memory_request, memory_limit;
  std::string cpu_limit;  // empty: none

  // --- not in the table: who calls says them
  bool only_enabled = false;   // a template that says nothing is left alone
  bool keep_injected = false;  // what was injected before stays as it is
  bool token = true;           // a projected token by which the hub's owner knows the Pod
  std::optional<Keys> keys;    // in place of hub_secret
  std::optional<Identity> identity;
  std::string version;  // of Scanflow: recorded, and the default image's tag
};

struct Setting {
  std::string_view name;     // of the annotation, after the prefix; of the option, after "--"
  std::string_view help;     // what it is, in few words
  std::string_view allowed;  // what it takes
  std::string_view initial;  // what holds where it is left out, in words
  bool option = true;        // is it an option of the command line too?
  /// An error says what is allowed.
  Result<void> (*set)(Settings& settings, std::string_view value) = nullptr;
};
std::span<const Setting> table();

/// With every default set. `version`: of Scanflow.
Settings defaults(std::string_view version);

struct Read {
  Settings settings;
  std::vector<std::string> warnings;  // annotations that are not known
};
/// `base`, and over it what the annotations of a Pod template say. An error names each annotation
/// that is wrong, and what it takes.
Result<Read> with_annotations(Settings base, const nlohmann::json& annotations);
/// What fits together: an error says what does not.
Result<void> check(const Settings& settings);

/// The table in Markdown, for the README.
std::string markdown();

}  // namespace scanflow::inject
