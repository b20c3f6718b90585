#include "plugins/strategies/exec/exec_strategy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/strategies/exec/protocol.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::int64_t kLongestMs = 59'000;
constexpr std::size_t kSaid = 600;  // bytes of what it said, in a message

/// The end of it, where the reason is (Python's tracebacks); on one line, and UTF-8 whatever it was.
std::string as_said(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.empty()) return "nothing";
  const bool cut = text.size() > kSaid;
  if (cut) text.remove_prefix(text.size() - kSaid);
  return (cut ? "..." : "") +
         json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Description ExecStrategy::describe() {
  return {.id = "exec",
          .version = "1.0.0",
          .summary = "Any program decides: evidence in, actions out, as JSON"};
}

ExecStrategy::ExecStrategy(const Config& config)
    : shown_(fmt::format("{}", fmt::join(config.command, " "))) {
  call_.argv = config.command;
  if (call_.argv.empty() || call_.argv[0].empty())
    throw Invalid("command: write a program, like [python3, /etc/scanflow/decide.py]");
  call_.timeout = std::chrono::milliseconds(
      config_value("timeout", [&] { return duration_us(config.timeout); }) / 1000);
  if (call_.timeout.count() <= 0 || call_.timeout.count() > kLongestMs)
    throw Invalid(fmt::format("timeout: write 1ms to {}s", kLongestMs / 1000));
  if (!config.env.is_object()) throw Invalid("env: write a map: {NAME: text}");
  for (const auto& [name, value] : config.env.items()) {
    if (name.empty() || name.find('=') != std::string::npos || !value.is_string())
      throw Invalid(fmt::format("env: '{}' is no name with a text", name));
    call_.environment.push_back(name + "=" + value.get<std::string>());
  }
}

std::string ExecStrategy::answer_to(std::string question) const {
  ProgramCall call = call_;
  call.input = std::move(question);
  ProgramAnswer answer;
  try {
    answer = call_program(call);
  } catch (const std::runtime_error& error) {
    throw Error(fmt::format("{}; give the full path of a program that is where the agent runs",
                            error.what()));
  }
  const std::string said = as_said(answer.err);
  if (answer.how == ProgramAnswer::How::late)
    throw Error(
        fmt::format("'{}' did not end within {} ms and was killed; it said {}; let it do "
                    "less, or raise 'timeout', and the rule's guard.deadline (1s) above it",
                    shown_, call.timeout.count(), said));
  if (answer.how == ProgramAnswer::How::too_long)
    throw Error(
        fmt::format("'{}' wrote more than {} KiB and was killed; let it write one JSON "
                    "document",
                    shown_, call.most_output >> 10));
  if (answer.status != 0)
    throw Error(
        fmt::format("'{}' ended with {}; it said {}; run it by hand with the evidence on "
                    "its stdin",
                    shown_, answer.status, said));
  return answer.out;
}

Decision ExecStrategy::decide(const Evidence& evidence) {
  const std::string answer = answer_to(question_of(evidence));
  try {
    return decision_of(answer);
  } catch (const std::exception& error) {
    throw Error(
        fmt::format("'{}' answered no decision: {}; it wrote {}; let it print "
                    "{{\"actions\": [{{\"primitive\", \"target\", \"args\"}}], \"state\": "
                    "TEXT}}",
                    shown_, error.what(), as_said(answer)));
  }
}

}  // namespace scanflow::strategies
