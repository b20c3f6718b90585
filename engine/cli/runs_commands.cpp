// scanflow runs list | show | logs | events
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "engine/cli/commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/runtime/active_run.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

struct Opened {
  runtime::StateDirectory state;
  std::unique_ptr<store::Store> store;
};

Result<Opened> open(const Context& context) {
  auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  auto store = store::Store::open_read_only(state->root);
  if (!store) return tl::unexpected(store.error());
  return Opened{*state, std::move(*store)};
}

/// A run that nobody runs: its engine is gone.
std::string status_of(const Opened& opened, const store::RunRow& run) {
  return run.status == "running" && !runtime::EngineLock::is_held(opened.state) ? "interrupted"
                                                                                : run.status;
}

/// Hands bytes [offset, offset + length) of a segment on, in pieces.
Result<void> read_range(const std::filesystem::path& segment, std::uint64_t offset,
                        std::uint64_t length, const std::function<void(std::string_view)>& take) {
  const int fd = ::open(segment.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot read", segment, errno));
  std::string buffer(1 << 16, '\0');
  while (length > 0) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), length);
    const ssize_t n = ::pread(fd, buffer.data(), want, static_cast<off_t>(offset));
    if (n <= 0) break;
    take(std::string_view(buffer).substr(0, static_cast<std::size_t>(n)));
    offset += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
  ::close(fd);
  return {};
}

struct LogEntry {
  std::uint32_t attempt = 0;
  std::string segment;
  std::uint64_t offset = 0, length = 0;
};

std::vector<LogEntry> logs_of(const store::StepRow& step) {
  std::vector<LogEntry> logs;
  const json list = step.log.empty() ? json::array() : json::parse(step.log, nullptr, false);
  if (!list.is_array()) return logs;
  for (const json& each : list) {
    logs.push_back({each.at("attempt"), each.at("segment"), each.at("offset"), each.at("length")});
  }
  return logs;
}

}  // namespace

namespace {

Result<store::RunFilter> filter_of(const ListCommand& command) {
  store::RunFilter filter;
  filter.limit = command.limit;
  filter.statuses = command.statuses;
  if (!command.name_space.empty()) filter.name_space = command.name_space;
  if (!command.pipeline.empty()) filter.pipeline = command.pipeline;
  if (!command.labels.empty()) {
    auto labels = LabelSelector::parse(command.labels);
    if (!labels) return tl::unexpected(labels.error());
    filter.labels = std::move(*labels);
  }
  if (!command.since.empty()) {
    const auto age = parse_duration(command.since);
    if (!age) return fail("--since: " + age.error().message);
    filter.since_us = wall_us() - *age;
  }
  return filter;
}

}  // namespace

int runs_list(const Context& context, const ListCommand& command) {
  auto filter = filter_of(command);
  if (!filter) return complain(context, kUsage, filter.error().message);
  if (const auto state = context.state_directory(); state && !store::Store::exists(state->root)) {
    fmt::print("{}\n", context.json ? "[]" : "no runs yet in " + state->root.string());
    return kSucceeded;
  }
  const auto opened = open(context);
  if (!opened) return complain(context, kEngine, opened.error().message);
  const auto runs = opened->store->runs(*filter);
  if (!runs) return complain(context, kEngine, runs.error().message);
  if (context.json) {
    json list = json::array();
    for (const store::RunRow& run : *runs) {
      list.push_back({{"run", run.id},
                      {"pipeline", run.pipeline},
                      {"namespace", run.name_space},
                      {"version", run.version > 0 ? json(run.version) : json()},
                      {"labels", run.labels.empty() ? json::object() : json::parse(run.labels)},
                      {"status", status_of(*opened, run)},
                      {"created_us", run.created_us},
                      {"ended_us", run.ended_us},
                      {"steps", run.steps},
                      {"done", run.done},
                      {"summary", run.summary}});
    }
    fmt::print("{}\n", list.dump());
    return kSucceeded;
  }
  const std::int64_t now = wall_us();
  std::vector<std::vector<std::string>> rows;
  for (const store::RunRow& run : *runs) {
    const std::string status = status_of(*opened, run);
    rows.push_back(
        {short_id(run.id), short_name(run.name_space, run.pipeline, run.version),
         std::string(status_sign(run.status)) + " " + status,
         fmt::format("{}/{}", run.done, run.steps),
         run.ended_us > 0 ? format_duration(run.ended_us - run.created_us) : "-",
         format_age(run.created_us, now),
         status == "interrupted" ? "'scanflow runs resume' goes on with it" : run.summary});
  }
  if (rows.empty()) {
    fmt::print("no such runs in {}\n", opened->state.root.string());
    return kSucceeded;
  }
  fmt::print("{}", table({"RUN", "PIPELINE", "STATUS", "STEPS", "TIME", "STARTED", ""}, rows,
                         static_cast<std::size_t>(terminal_width(STDOUT_FILENO)), {3, 4}));
  return kSucceeded;
}

int runs_show(const Context& context, const std::string& prefix) {
  const auto id = find_run(context, prefix);
  if (!id) return complain(context, kUsage, id.error().message);
  const auto opened = open(context);
  if (!opened) return complain(context, kEngine, opened.error().message);
  const auto runs = opened->store->find_runs(*id);
  const auto steps = opened->store->steps(*id);
  if (!runs) return complain(context, kEngine, runs.error().message);
  if (!steps) return complain(context, kEngine, steps.error().message);
  json result =
      runtime::result_document(runs->front(), *steps, runtime::called_runs(*opened->store, *id));
  result["status"] = status_of(*opened, runs->front());
  if (context.json) {
    fmt::print("{}\n", result.dump());
  } else {
    fmt::print("{}  {}  {}\n{}", short_name(result), *id, format_time(runs->front().created_us),
               render_result(context, result, ResultOf::a_run_shown));
  }
  return kSucceeded;
}

int runs_logs(const Context& context, const std::string& prefix, const std::string& wanted) {
  const auto id = find_run(context, prefix);
  if (!id) return complain(context, kUsage, id.error().message);
  const auto opened = open(context);
  if (!opened) return complain(context, kEngine, opened.error().message);
  const auto steps = opened->store->steps(*id);
  if (!steps) return complain(context, kEngine, steps.error().message);
  bool found = false;
  std::string names;
  json documents = json::array();
  for (const store::StepRow& step : *steps) {
    names += (names.empty() ? "" : ", ") + step.id;
    if (!wanted.empty() && step.id != wanted && step.id.substr(0, step.id.find('[')) != wanted)
      continue;
    found = true;
    for (const LogEntry& log : logs_of(step)) {
      // The range of a log that is still written has no end yet: all that follows is its.
      const bool open_end = step.status == "running" && log.attempt == step.attempts;
      if (wanted.empty() && log.length == 0 && !open_end) continue;
      const bool titled = wanted.empty() || step.attempts > 1 || step.id != wanted;
      if (titled && !context.json) fmt::print("==> {} attempt {} <==\n", step.id, log.attempt);
      std::string text;
      const auto printed =
          read_range(opened->state.logs_of(*id) / log.segment, log.offset,
                     open_end ? UINT64_MAX : log.length, [&](std::string_view piece) {
                       if (context.json) {
                         text += piece;
                       } else {
                         std::fwrite(piece.data(), 1, piece.size(), stdout);
                       }
                     });
      if (!printed) return complain(context, kEngine, printed.error().message);
      if (context.json)
        documents.push_back(
            {{"step", step.id}, {"attempt", log.attempt}, {"log", std::move(text)}});
    }
  }
  if (!found && !wanted.empty()) {
    return complain(
        context, kUsage,
        fmt::format("run {} has no step '{}'; it has: {}", short_id(*id), wanted, names));
  }
  if (context.json)
    fmt::print("{}\n", documents.dump(-1, ' ', false, json::error_handler_t::replace));
  return kSucceeded;
}

int runs_events(const Context& context, const std::string& prefix) {
  const auto id = find_run(context, prefix);
  if (!id) return complain(context, kUsage, id.error().message);
  const auto opened = open(context);
  if (!opened) return complain(context, kEngine, opened.error().message);
  const auto events = opened->store->events(*id);
  if (!events) return complain(context, kEngine, events.error().message);
  const std::int64_t first = events->empty() ? 0 : events->front().time_us;
  json list = json::array();
  for (const store::EventRow& event : *events) {
    json body = json::parse(event.body, nullptr, false);
    if (context.json) {
      body["seq"] = event.seq;
      list.push_back(std::move(body));
      continue;
    }
    std::string rest = body.value("cause", "");
    if (body.contains("data") && event.type != "run_created") {
      rest += (rest.empty() ? "" : "  ") + body["data"].dump();
    }
    const std::string line =
        fmt::format("{:>5} {:>10.3f} s  {:<17} {}  {}", event.seq,
                    static_cast<double>(event.time_us - first) / 1e6, event.type, event.step, rest);
    fmt::print("{}\n", fit(trimmed(line), static_cast<std::size_t>(terminal_width(STDOUT_FILENO))));
  }
  if (context.json) fmt::print("{}\n", list.dump());
  return kSucceeded;
}

}  // namespace scanflow::cli
