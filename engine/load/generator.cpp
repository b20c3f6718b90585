#include "engine/load/generator.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "sdk/base/clock.hpp"

namespace scanflow::load {
namespace {

constexpr std::size_t kMaxTexts = 20;
constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;

std::int64_t cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * std::int64_t{1'000'000} +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

void sleep_until(std::int64_t time_us) {
  const timespec until = {time_us / 1'000'000, (time_us % 1'000'000) * 1000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

/// One connection, and what came of its requests.
class Asker {
 public:
  explicit Asker(const Plan& plan) : plan_(plan) {}

  Result<void> connect() {
    auto client = http::Client::connect(plan_.peer, plan_.patience);
    if (!client) {
      return fail(fmt::format("cannot connect to {}:{}: {}", plan_.peer.host, plan_.peer.port,
                              client.error().message));
    }
    client_ = std::move(*client);
    return {};
  }

  void ask(const Sample& sample, std::int64_t due_us) {
    outcome_.late.add(monotonic_us() - due_us);
    ++outcome_.sent;
    if (!client_) {
      if (const auto connected = connect(); !connected) return failed(0, connected.error().message);
    }
    http::Outgoing out{"POST", plan_.target, sample.headers, sample.body, plan_.patience};
    const auto head = client_->ask(out);
    if (!head) return broken(head.error().message);
    const auto body = client_->rest(kMaxAnswer);
    if (!body) return broken(body.error().message);
    const std::int64_t took = monotonic_us() - due_us;
    if (head->status != 200) {
      const auto document = nlohmann::json::parse(*body, nullptr, false);
      failed(head->status, document.is_object() && document.contains("error")
                               ? document["error"].dump()
                               : body->substr(0, 200));
    } else {
      ++outcome_.statuses[200];
      outcome_.latency.add(took);
    }
    if (!client_->reusable()) client_.reset();
  }

  Outcome& outcome() { return outcome_; }

 private:
  void broken(const std::string& why) {
    client_.reset();
    failed(0, why);
  }
  void failed(int status, const std::string& why) {
    ++outcome_.statuses[status];
    if (outcome_.errors.contains(why) || outcome_.errors.size() < kMaxTexts) ++outcome_.errors[why];
  }

  const Plan& plan_;
  std::unique_ptr<http::Client> client_;
  Outcome outcome_;
};

void add(Outcome& to, const Outcome& from) {
  for (const auto& [status, count] : from.statuses) to.statuses[status] += count;
  for (const auto& [text, count] : from.errors)
    if (to.errors.contains(text) || to.errors.size() < kMaxTexts) to.errors[text] += count;
  to.latency.add(from.latency);
  to.late.add(from.late);
  to.sent += from.sent;
}

/// The next request as soon as the last is answered, on each of the connections.
class ClosedLoop {
 public:
  ClosedLoop(const Plan& plan, const std::atomic<bool>& stop)
      : plan_(plan), stop_(stop), end_us_(monotonic_us() + plan.duration_us) {}

  void work(Asker& asker) {
    while (!stop_) {
      const std::uint64_t number = next_++;
      if (plan_.requests != 0 && number >= plan_.requests) return;
      const std::int64_t now = monotonic_us();
      if (now >= end_us_) return;
      asker.ask(plan_.samples[number % plan_.samples.size()], now);
    }
  }

 private:
  const Plan& plan_;
  const std::atomic<bool>& stop_;
  const std::int64_t end_us_;
  std::atomic<std::uint64_t> next_ = 0;
};

/// Requests when they are due; one that no connection is free for waits, and its time runs.
class OpenLoop {
 public:
  OpenLoop(const Plan& plan, const std::atomic<bool>& stop)
      : plan_(plan),
        stop_(stop),
        due_(poisson_arrivals(plan.rate, plan.duration_us, plan.seed)),
        begun_us_(monotonic_us()) {
    if (plan.requests != 0 && due_.size() > plan.requests) due_.resize(plan.requests);
  }

  void work(Asker& asker) {
    while (!stop_) {
      const std::uint64_t number = next_++;
      if (number >= due_.size()) return;
      const std::int64_t due = begun_us_ + due_[number];
      sleep_until(due);
      asker.ask(plan_.samples[number % plan_.samples.size()], due);
    }
  }

 private:
  const Plan& plan_;
  const std::atomic<bool>& stop_;
  std::vector<std::int64_t> due_;
  const std::int64_t begun_us_;
  std::atomic<std::uint64_t> next_ = 0;
};

template <class Loop>
Result<Outcome> run_loop(const Plan& plan, const std::atomic<bool>& stop, unsigned connections) {
  std::deque<Asker> askers;
  for (unsigned i = 0; i < connections; ++i) askers.emplace_back(plan);
  if (auto connected = askers.front().connect(); !connected)
    return tl::unexpected(connected.error());
  const std::int64_t cpu_before = cpu_us(), begun = monotonic_us();
  Loop loop(plan, stop);
  std::vector<std::thread> threads;
  threads.reserve(connections);
  for (Asker& asker : askers) threads.emplace_back([&] { loop.work(asker); });
  for (auto& thread : threads) thread.join();
  Outcome all;
  all.took_us = monotonic_us() - begun;
  all.cpu_us = cpu_us() - cpu_before;
  for (Asker& asker : askers) add(all, asker.outcome());
  return all;
}

}  // namespace

Result<Outcome> run(const Plan& plan, const std::atomic<bool>& stop) {
  switch (plan.scenario) {
    case Scenario::server:
      return run_loop<OpenLoop>(plan, stop, plan.connections);
    case Scenario::offline:
      return run_loop<ClosedLoop>(plan, stop, plan.connections);
    default:
      return run_loop<ClosedLoop>(plan, stop, 1);
  }
}

}  // namespace scanflow::load
