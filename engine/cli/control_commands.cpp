// scanflow runs watch | wait | cancel | approve: runs that go on
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/commands.hpp"
#include "engine/cli/connection.hpp"
#include "engine/cli/follow.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/progress.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

/// "run ... is over", or "".
std::string said_over(const Context& context, const std::string& run) {
  const Outcome outcome = recorded(context, run);
  if (outcome.result.is_null()) return {};
  return fmt::format("run {} is over: it has {}", run, outcome.result.value("summary", "ended"));
}

}  // namespace

int runs_watch(const Context& context, const std::string& prefix, bool quiet) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto id = find_run(context, prefix);
  if (!id) return complain(context, id.error());
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO, place_options(context));
  return report(context, watch(context, *state, *id, printer));
}

int runs_wait(const Context& context, const std::vector<std::string>& prefixes) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  std::vector<std::string> ids;
  for (const std::string& prefix : prefixes) {
    auto id = find_run(context, prefix);
    if (!id) return complain(context, id.error());
    ids.push_back(std::move(*id));
  }
  int worst = kSucceeded;
  nlohmann::json ended = nlohmann::json::array();
  for (const std::string& id : ids) {
    ProgressPrinter silent(ProgressPrinter::Style::silent, STDOUT_FILENO);
    const Outcome outcome = watch(context, *state, id, silent);
    if (outcome.result.is_null())
      return complain(context, static_cast<Exit>(outcome.exit), outcome.message);
    worst = std::max(worst, outcome.exit);
    if (context.json) {
      ended.push_back(outcome.result);
    } else {
      fmt::print("{}  {}\n", short_id(id), outcome.result.value("summary", ""));
    }
  }
  if (context.json) fmt::print("{}\n", ended.dump());
  return worst;
}

int runs_cancel(const Context& context, const std::string& prefix, bool quiet) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  auto id = find_run(context, prefix);
  if (!id) return complain(context, id.error());
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO, place_options(context));
  if (const std::string over = said_over(context, *id); !over.empty())
    return complain(context, kUsage, over);
  Target target;
  target.run = std::move(*id);
  const Outcome outcome =
      follow(context, *state, std::move(target), store::Durability::process, printer, true);
  // Whoever cancels wants it cancelled.
  const int code = report(context, outcome);
  return code == kCancelled ? kSucceeded : code;
}

int runs_delete(const Context& context, const std::vector<std::string>& prefixes) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  nlohmann::json ids = nlohmann::json::array();
  for (const std::string& prefix : prefixes) {
    auto id = find_run(context, prefix);
    if (!id) return complain(context, id.error());
    ids.push_back(std::move(*id));
  }
  const auto done = ask_any_engine(context, *state, {{"op", "delete"}, {"runs", ids}});
  if (!done) return complain(context, done.error());
  if (context.json) {
    fmt::print("{}\n", nlohmann::json{{"deleted", done->at("deleted")},
                                      {"artifact_bytes", done->at("bytes")}}
                           .dump());
  } else {
    fmt::print(
        "deleted {} runs (with those that they called), and {} of artifacts that nothing "
        "else refers to\n",
        done->at("deleted").get<std::size_t>(),
        format_bytes(done->at("bytes").get<std::uint64_t>()));
  }
  return kSucceeded;
}

int clear_cache(const Context& context, const std::string& older_than) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto age = older_than.empty() ? Result<std::int64_t>(0) : parse_duration(older_than);
  if (!age) return complain(context, kUsage, "--older-than: " + age.error().message);
  const auto done = ask_any_engine(context, *state, {{"op", "clear_cache"}, {"age_us", *age}});
  if (!done) return complain(context, done.error());
  const auto cleared = done->at("cleared").get<std::uint64_t>();
  const auto bytes = done->at("bytes").get<std::uint64_t>();
  if (context.json) {
    fmt::print("{}\n", nlohmann::json{{"cleared", cleared}, {"artifact_bytes", bytes}}.dump());
  } else {
    fmt::print("forgot {} cached results, and {} of artifacts that nothing else refers to\n",
               cleared, format_bytes(bytes));
  }
  return kSucceeded;
}

int runs_approve(const Context& context, const ApproveCommand& command) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto id = find_run(context, command.run);
  if (!id) return complain(context, id.error());
  if (const std::string over = said_over(context, *id); !over.empty())
    return complain(context, kUsage, over);
  const auto answered = ask_engine(context, *state,
                                   {{"op", "answer"},
                                    {"run", *id},
                                    {"step", command.step},
                                    {"approve", !command.reject},
                                    {"by", user_name()},
                                    {"comment", command.comment}});
  if (!answered) return complain(context, answered.error());
  if (context.json) {
    fmt::print(
        "{}\n",
        nlohmann::json{{"run", *id}, {"step", command.step}, {"approved", !command.reject}}.dump());
  } else {
    fmt::print("{} {} of run {}\n", command.reject ? "rejected" : "approved", command.step,
               short_id(*id));
  }
  return kSucceeded;
}

}  // namespace scanflow::cli
