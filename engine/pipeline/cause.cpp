#include <array>
#include <utility>

#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::array<std::pair<Cause, std::string_view>, 14> kNames{{
    {Cause::none, "none"},
    {Cause::error, "error"},
    {Cause::retryable, "retryable"},
    {Cause::exit, "exit"},
    {Cause::crash, "crash"},
    {Cause::oom, "oom"},
    {Cause::timeout, "timeout"},
    {Cause::lost, "lost"},
    {Cause::evicted, "evicted"},
    {Cause::config, "config"},
    {Cause::cancelled, "cancelled"},
    {Cause::upstream, "upstream"},
    {Cause::rejected, "rejected"},
    {Cause::superseded, "superseded"},
}};

}  // namespace

std::string_view name(Cause cause) {
  for (const auto& [value, text] : kNames) {
    if (value == cause) return text;
  }
  return "unknown";
}

std::optional<Cause> parse_cause(std::string_view text) {
  for (const auto& [value, known] : kNames) {
    if (known == text) return value;
  }
  return std::nullopt;
}

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::main:
      return "main";
    case Phase::on_success:
      return "on_success";
    case Phase::on_failure:
      return "on_failure";
    case Phase::on_exit:
      return "on_exit";
  }
  return "";
}

}  // namespace scanflow::pipeline
