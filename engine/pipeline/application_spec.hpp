// A checked Application: its teams, and what the namespace of each may do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

/// At the same time; nothing: no limit.
struct Quota {
  std::optional<std::uint32_t> runs;  // that no other run has called
  std::optional<double> cpus;
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<std::uint32_t> gpus;
  std::optional<std::uint32_t> services;
};

/// Pipelines of another namespace that a team may run and call.
struct PipelineRight {
  std::string name_space;
  std::string name;                      // empty: all of the namespace
  std::optional<std::uint32_t> version;  // nothing: any
};
/// "NAMESPACE/NAME[@VERSION]" or "NAMESPACE/*"; nothing: it is neither.
std::optional<PipelineRight> parse_use(std::string_view text);
std::string to_text(const PipelineRight& use);

struct Team {
  std::string name;
  std::string name_space;  // APPLICATION-TEAM
  Quota quota;
  std::optional<std::vector<Secret>> secrets;  // nothing: any
  std::vector<PipelineRight> uses;
};

struct ApplicationSpec {
  std::string file;  // as the user named it
  std::string name;
  std::string name_space = "default";  // of the document, not of its teams
  std::map<std::string, std::string> labels;
  std::vector<Team> teams;
};

}  // namespace scanflow::pipeline
