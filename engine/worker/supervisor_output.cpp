// What attempts write: their logs, and the metrics of commands.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "engine/worker/command_files.hpp"
#include "engine/worker/step_judgement.hpp"
#include "engine/worker/supervisor.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kMetricsUs = 1'000'000;
constexpr std::size_t kLastWords = 4096;
// Metrics of attempts whose results are not acknowledged.
constexpr std::size_t kMaxKept = 64u << 20;

std::size_t weight(const protocol::Metric& metric) {
  std::size_t bytes =
      sizeof metric + metric.name.size() + metric.id.run.size() + metric.id.step.size();
  for (const auto& [name, value] : metric.labels) bytes += 64 + name.size() + value.size();
  return bytes;
}

}  // namespace

/// Where the attempt writes to. Where nobody can tell a secret from other text, its author is told.
Result<void> Supervisor::open_output(Attempt& attempt) {
  const auto log = logs_.open(attempt.request.log_dir, attempt.log.segment);
  if (!log) return fail(log.error().message);
  attempt.log.offset = log->size;
  if (pipes_.empty()) {
    auto pipe = OutputPipe::create(loop_);
    if (!pipe) return fail(pipe.error().message);
    pipes_.push_back(std::move(*pipe));
  }
  attempt.output = std::move(pipes_.back());
  pipes_.pop_back();
  attempt.output->begin(attempt.secrets ? attempt.secrets->patterns() : nullptr,
                        [this, &attempt](std::string_view text) { write_log(attempt, text); });
  if (!attempt.secrets) return {};
  for (const std::string& name : attempt.secrets->unprotected()) {
    say_in_log(attempt,
               fmt::format("scanflow: the secret {} has fewer than {} characters: it is not "
                           "hidden here; choose a longer one\n",
                           name, Patterns::kMinBytes));
  }
  return {};
}

/// All that the attempt has written is in its log then.
void Supervisor::end_output(Attempt& attempt) {
  if (attempt.output) attempt.output->finish();
}

/// The log keeps the beginning, up to its limit; its last words are known all the same.
void Supervisor::write_log(Attempt& attempt, std::string_view text) {
  attempt.last_words.append(text.substr(text.size() - std::min(text.size(), kLastWords)));
  if (attempt.last_words.size() > 2 * kLastWords) {
    attempt.last_words.erase(0, attempt.last_words.size() - kLastWords);
  }
  const std::uint64_t limit = log_limit_of(attempt.request);
  const std::uint64_t room = limit - std::min(attempt.written, limit);
  const bool was_full = attempt.written > limit;
  attempt.written += text.size();
  append_log(attempt, text.substr(0, room));
  if (attempt.written > limit && !was_full) say_in_log(attempt, full_log_line(limit));
}

void Supervisor::append_log(Attempt& attempt, std::string_view text) {
  if (text.empty()) return;
  attempt.in_a_line = text.back() != '\n';
  const auto log = logs_.open(attempt.request.log_dir, attempt.log.segment);
  if (!log) return;
  while (!text.empty()) {
    const ssize_t n = ::write(log->fd, text.data(), text.size());
    if (n < 0) return;  // a full disk: nowhere left to say it
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// A line of its own.
void Supervisor::say_in_log(Attempt& attempt, const std::string& line) {
  append_log(attempt, attempt.in_a_line ? "\n" + line : line);
}

void Supervisor::read_metrics(Attempt& attempt, bool last) {
  for (;;) {
    const std::string text = attempt.slot->read_metrics(attempt.metrics_read, last);
    if (text.empty()) return;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      auto metric = parse_metric(line);
      // An error shows some of the line.
      if (!metric && attempt.secrets) metric = parse_metric(attempt.secrets->redact(line));
      if (!metric) {
        // Not worth failing hours of work for; the step's log is where its author looks.
        say_in_log(attempt, "scanflow: $SCANFLOW_METRICS: " + metric.error().message + "\n");
        continue;
      }
      if (attempt.secrets) attempt.secrets->redact(*metric);
      metric->id = attempt.request.id;
      metric->time_us = attempt.metric_us = std::max(wall_us(), attempt.metric_us + 1);
      metric->number = ++attempt.metrics;
      send_or_keep(attempt, std::move(*metric));
    }
  }
}

void Supervisor::arm_metrics() {
  if (metrics_armed_) return;
  metrics_armed_ = true;
  loop_.after(kMetricsUs, [this] {
    metrics_armed_ = false;
    bool any = false;
    for (const auto& [pid, attempt] : by_pid_) {
      if (attempt->plugin || attempt->phase != Attempt::Phase::running) continue;
      any = true;
      read_metrics(*attempt, false);
    }
    if (any) arm_metrics();
  });
}

void Supervisor::send_or_keep(Attempt& attempt, protocol::Metric metric) {
  const bool followed = engine_.connected() && attempt.connection == engine_.connection();
  if (!metric.logged) {
    if (followed && !engine_.backlogged())
      engine_.send(std::move(metric), EngineLink::Urgency::soon);
    return;
  }
  const std::size_t bytes = weight(metric);
  if (kept_bytes_ + bytes <= kMaxKept) {
    kept_bytes_ += bytes;
    attempt.kept.push_back(metric);
  } else if (!followed) {
    ++attempt.dropped;
  }
  if (followed) engine_.send(std::move(metric), EngineLink::Urgency::soon);
}

void Supervisor::forget_metrics(Attempt& attempt) {
  for (const protocol::Metric& metric : attempt.kept) kept_bytes_ -= weight(metric);
  attempt.kept.clear();
}

}  // namespace scanflow::worker
