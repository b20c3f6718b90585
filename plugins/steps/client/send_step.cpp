#include "plugins/steps/client/send_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/digit_set.hpp"

namespace scanflow::client {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTold = 100;  // requests, of one metric

struct Tally {
  std::int64_t begun_us = 0;
  std::vector<std::int64_t> sent_us;  // since begun_us
  std::vector<int> digits;            // -1: no answer
  std::vector<std::int64_t> latencies_us;
  std::size_t right = 0, failed = 0;
  std::string problem;  // of the first that failed
};

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

void wait_until(Context& context, Clock::time_point due) {
  while (Clock::now() < due) {
    context.throw_if_cancelled();
    std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(50)));
  }
  context.throw_if_cancelled();
}

void write_answers(const std::filesystem::path& file, const Tally& tally,
                   const data::DigitSet& digits) {
  const json document = {{"format", "scanflow.answers/1"},
                         {"begun_us", tally.begun_us},
                         {"sent_us", tally.sent_us},
                         {"digits", tally.digits},
                         {"labels", std::vector<int>(digits.labels.begin(), digits.labels.end())},
                         {"latencies_us", tally.latencies_us}};
  std::ofstream out(file);
  out << document.dump() << '\n';
  out.close();
  if (!out) throw Error(file.string() + ": cannot write the answers (disk full?)");
}

std::int64_t quantile(std::vector<std::int64_t> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace

Description SendRequests::describe() {
  return {.id = "requests.send",
          .version = "1.0.0",
          .summary = "Asks a service to read digits, at a rate, and counts what it reads rightly",
          .inputs = {{"dataset", "what is sent, in this order, with true labels"}},
          .outputs = {{"sent", "integer", "requests"},
                      {"failed", "integer", "those without a good answer"},
                      {"accuracy", "number", "the share that was read rightly"},
                      {"p50_ms", "number", "of the answers' times"},
                      {"p99_ms", "number", "likewise"},
                      {"seconds", "number", "that it took"}},
          .artifacts = {{"answers",
                         "JSON: begun_us, and of each request sent_us (since then), "
                         "digits (-1: none), labels, latencies_us"}}};
}

void SendRequests::wait_until_ready(Context& context, Asker& asker) const {
  const auto begun = Clock::now();
  while (!asker.is_ready()) {
    if (seconds_since(begun) > config_.wait) {
      throw Error(
          fmt::format("{} is not ready after {:g} s: does it serve? (scanflow service list)",
                      config_.url, config_.wait));
    }
    wait_until(context, Clock::now() + std::chrono::milliseconds(100));
  }
}

json SendRequests::run(Context& context) {
  const data::DigitSet digits = data::read_dataset(context.input("dataset"));
  if (!config_.truth.empty()) {
    std::filesystem::create_directories(config_.truth);
    data::write_dataset(config_.truth, digits);
  }
  Asker asker(config_.url, {config_.images, config_.id, config_.digits}, config_.timeout);
  wait_until_ready(context, asker);
  Tally tally;
  tally.begun_us = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto begun = Clock::now();
  std::size_t right_before = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    wait_until(context,
               begun + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(static_cast<double>(i) / config_.rate)));
    tally.sent_us.push_back(static_cast<std::int64_t>(seconds_since(begun) * 1e6));
    const Answered answered = asker.ask(digits.image(i), static_cast<std::int64_t>(i));
    tally.digits.push_back(answered.digit);
    tally.latencies_us.push_back(answered.latency_us);
    tally.right += answered.digit == digits.labels[i] ? 1 : 0;
    if (answered.digit < 0 && tally.failed++ == 0) {
      tally.problem = answered.problem.empty() ? "the answer names no digit" : answered.problem;
      context.warning(fmt::format("request {}: {}", i, tally.problem));
    }
    if ((i + 1) % kTold != 0) continue;
    const double share = static_cast<double>(tally.right - right_before) / kTold;
    right_before = tally.right;
    context.log_metric("stream_accuracy", share, static_cast<std::int64_t>(i + 1));
    context.progress(static_cast<double>(i + 1) / static_cast<double>(digits.size()),
                     fmt::format("accuracy {:.2f}", share));
  }
  write_answers(context.artifact_file("answers"), tally, digits);
  const auto sent = static_cast<double>(std::max<std::size_t>(digits.size(), 1));
  const double accuracy = static_cast<double>(tally.right) / sent;
  return {
      {"sent", digits.size()},
      {"failed", tally.failed},
      {"accuracy", accuracy},
      {"p50_ms", static_cast<double>(quantile(tally.latencies_us, 0.5)) / 1e3},
      {"p99_ms", static_cast<double>(quantile(tally.latencies_us, 0.99)) / 1e3},
      {"seconds", seconds_since(begun)},
      {"summary", fmt::format("{} sent, {} failed, {:.1f} % read rightly",
                              data::group_digits(digits.size()), tally.failed, 100 * accuracy)}};
}

}  // namespace scanflow::client
