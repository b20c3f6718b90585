#include "engine/cli/load_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/cli/end_signal.hpp"
#include "engine/http/url.hpp"
#include "engine/load/generator.hpp"
#include "engine/load/samples.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr std::array<double, 6> kShares = {0.5, 0.9, 0.95, 0.99, 0.999, 1};
constexpr std::chrono::seconds kMetadataPatience{10};

struct LoadTarget {
  http::Peer peer;
  std::string path;  // "/v2/models/digits"
};

Result<LoadTarget> load_target(const std::string& url) {
  const auto wrong = [&] {
    return fail(
        fmt::format("'{}' is no service: give its URL, like "
                    "http://127.0.0.1:8421/v2/models/digits",
                    url));
  };
  auto parsed = http::parse_url(url);
  if (!parsed || parsed->tls || !parsed->user.empty() ||
      parsed->path.find("/v2/models/") == std::string::npos)
    return wrong();
  if (parsed->path.ends_with("/infer")) parsed->path.erase(parsed->path.rfind('/'));
  return LoadTarget{{parsed->host, parsed->port, nullptr, "", {}}, parsed->path};
}

Result<json> metadata(const LoadTarget& target) {
  auto client = http::Client::connect(target.peer, kMetadataPatience);
  if (!client) {
    return fail(fmt::format("cannot connect to {}:{}: {}", target.peer.host, target.peer.port,
                            client.error().message));
  }
  const auto head =
      (*client)->ask({"GET", target.path, {{"Host", "localhost"}}, "", kMetadataPatience});
  if (!head) return fail(head.error().message);
  const auto body = (*client)->rest(1 << 20);
  if (!body) return fail(body.error().message);
  json document = json::parse(*body, nullptr, false);
  if (head->status == 200 && document.is_object()) return document;
  return fail(fmt::format("{} answers {}: {}", target.path, head->status,
                          document.is_object() ? document.value("error", *body) : *body));
}

Result<load::Plan> plan_of(const LoadOptions& options) {
  load::Plan plan;
  auto target = load_target(options.url);
  if (!target) return tl::unexpected(target.error());
  const auto scenario = load::scenario_of(options.scenario);
  if (!scenario) {
    return fail(
        fmt::format("there is no scenario '{}'; there is SingleStream, MultiStream, Server "
                    "and Offline",
                    options.scenario));
  }
  const auto duration = parse_duration(options.duration);
  if (!duration || *duration <= 0)
    return fail("--duration: " + (duration ? "it must be above 0" : duration.error().message));
  plan.scenario = *scenario;
  plan.duration_us = *duration;
  plan.requests = options.requests;
  plan.rate = options.rate;
  plan.connections = options.connections;
  plan.seed = options.seed;
  plan.samples_each = static_cast<std::uint64_t>(
      *scenario == load::Scenario::multi_stream && options.rows == 1 ? 8 : options.rows);
  if (options.files.empty()) {
    const auto model = metadata(*target);
    if (!model) return tl::unexpected(model.error());
    load::SampleOptions drawn;
    drawn.rows = static_cast<std::int64_t>(plan.samples_each);
    drawn.binary = !options.as_json;
    drawn.seed = options.seed;
    auto samples = load::drawn_samples(*model, drawn);
    if (!samples) return tl::unexpected(samples.error());
    plan.samples = std::move(*samples);
  } else {
    auto samples = load::read_samples(options.files);
    if (!samples) return tl::unexpected(samples.error());
    plan.samples = std::move(*samples);
  }
  for (auto& sample : plan.samples) sample.headers.emplace_back("Host", "localhost");
  plan.peer = std::move(target->peer);
  plan.target = target->path + "/infer";
  return plan;
}

std::uint64_t good(const load::Outcome& outcome) {
  const auto found = outcome.statuses.find(200);
  return found == outcome.statuses.end() ? 0 : found->second;
}

double per_second(std::uint64_t count, const load::Outcome& outcome) {
  return static_cast<double>(count) /
         (static_cast<double>(std::max<std::int64_t>(outcome.took_us, 1)) / 1e6);
}

json outcome_json(const load::Plan& plan, const load::Outcome& outcome) {
  json latency = json::object();
  for (const double share : kShares)
    latency[share == 1 ? "max" : fmt::format("p{:g}", share * 100)] =
        outcome.latency.quantile(share);
  json statuses = json::object();
  for (const auto& [status, count] : outcome.statuses) statuses[std::to_string(status)] = count;
  const double mean = outcome.latency.count() == 0
                          ? 0
                          : static_cast<double>(outcome.latency.sum_us()) /
                                static_cast<double>(outcome.latency.count());
  return {{"scenario", std::string(load::name(plan.scenario))},
          {"requests", outcome.sent},
          {"rows_each", plan.samples_each},
          {"seconds", static_cast<double>(outcome.took_us) / 1e6},
          {"requests_per_second", per_second(good(outcome), outcome)},
          {"rows_per_second", per_second(good(outcome) * plan.samples_each, outcome)},
          {"statuses", statuses},
          {"errors", outcome.errors},
          {"latency_us", latency},
          {"latency_mean_us", mean},
          {"sent_late_p99_us", outcome.late.quantile(0.99)},
          {"client_cpu_seconds", static_cast<double>(outcome.cpu_us) / 1e6}};
}

std::string time_text(std::int64_t us) {
  return us < 10'000 ? fmt::format("{} us", us)
                     : fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

/// Bars over powers of two of the time.
void print_histogram(const infer::Histogram& histogram) {
  constexpr std::uint64_t kWidth = 40;
  std::vector<std::pair<std::int64_t, std::uint64_t>> bars;
  std::uint64_t below = 0, most = 0;
  for (std::int64_t bound = 64; below < histogram.count() && bound < (std::int64_t{1} << 40);
       bound *= 2) {
    const std::uint64_t at_most = histogram.at_most(bound - 1);
    bars.emplace_back(bound, at_most - below);
    most = std::max(most, at_most - below);
    below = at_most;
  }
  while (!bars.empty() && bars.front().second == 0) bars.erase(bars.begin());
  for (const auto& [bound, count] : bars) {
    const auto width = count == 0 ? 0 : std::max<std::uint64_t>(1, count * kWidth / most);
    fmt::print("  < {:>10} {:<{}} {}\n", time_text(bound), std::string(width, '#'), kWidth, count);
  }
}

void print_outcome(const load::Plan& plan, const load::Outcome& outcome) {
  fmt::print("{}: {} requests in {:.1f} s, {:.1f}/s", load::name(plan.scenario), outcome.sent,
             static_cast<double>(outcome.took_us) / 1e6, per_second(good(outcome), outcome));
  if (plan.samples_each > 1)
    fmt::print(", {:.1f} rows/s", per_second(good(outcome) * plan.samples_each, outcome));
  fmt::print("\n");
  for (const auto& [status, count] : outcome.statuses)
    if (status != 200)
      fmt::print("  {} {}: {}\n", count, status == 0 ? "without an answer" : "failed with", status);
  for (const auto& [text, count] : outcome.errors) fmt::print("    {} x {}\n", count, text);
  std::string line = "latency";
  for (const double share : kShares) {
    line += fmt::format("  {} {}", share == 1 ? "max" : fmt::format("p{:g}", share * 100),
                        time_text(outcome.latency.quantile(share)));
  }
  fmt::print("{}\n", line);
  print_histogram(outcome.latency);
  if (plan.scenario == load::Scenario::server) {
    fmt::print("sent late (counted in the latency): p99 {}\n",
               time_text(outcome.late.quantile(0.99)));
  }
}

int run_load(const Context& context, const LoadOptions& options) {
  std::int64_t bound_us = 0;
  if (!options.bound.empty()) {
    const auto bound = parse_duration(options.bound);
    if (!bound) return complain(context, kUsage, "--p99: " + bound.error().message);
    bound_us = *bound;
  }
  const auto plan = plan_of(options);
  if (!plan) return complain(context, kUsage, plan.error().message);
  if (auto caught = catch_end_signals(); !caught)
    return complain(context, kEngine, caught.error().message);
  std::atomic<bool> stop = false, over = false;
  std::thread watch([&] {
    while (!over)
      if (end_signal_within(std::chrono::milliseconds(50))) stop = true;
  });
  const auto outcome = load::run(*plan, stop);
  over = true;
  watch.join();
  if (!outcome) return complain(context, kEngine, outcome.error().message);
  const std::int64_t p99 = outcome->latency.quantile(0.99);
  const bool late = bound_us != 0 && p99 > bound_us;
  if (context.json) {
    fmt::print("{}\n", outcome_json(*plan, *outcome).dump());
  } else {
    print_outcome(*plan, *outcome);
    if (bound_us != 0)
      fmt::print("p99 {} the bound of {}\n", late ? "exceeds" : "keeps", time_text(bound_us));
  }
  return late || good(*outcome) != outcome->sent ? kRunFailed : kSucceeded;
}

}  // namespace

void add_load(CLI::App& app, const Context& context, LoadOptions& options,
              std::function<int()>& command) {
  CLI::App* load =
      app.add_subcommand("load", "Ask an inference service as MLPerf's scenarios do, and measure");
  load->add_option("URL", options.url, "http://HOST:PORT/.../v2/models/NAME")->required();
  load->add_option("--scenario", options.scenario,
                   "SingleStream, MultiStream, Server (Poisson arrivals, open loop) or Offline")
      ->capture_default_str();
  load->add_option("--duration", options.duration, "How long")
      ->type_name("TIME")
      ->capture_default_str();
  load->add_option("--requests", options.requests, "So many at most");
  load->add_option("--rate", options.rate, "Server: requests a second")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  load->add_option("--connections", options.connections, "Server: at most; Offline: so many")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  load->add_option("--rows", options.rows, "Rows of each request (MultiStream: 8 unless said)")
      ->check(CLI::Range(1, 65'536));
  load->add_option("--seed", options.seed, "Of arrivals and drawn values")->capture_default_str();
  load->add_flag("--json-tensors", options.as_json, "Send numbers as JSON, not as binary tensors");
  load->add_option("--request", options.files,
                   "A request (JSON) to send, instead of drawn ones; may be repeated")
      ->type_name("FILE");
  load->add_option("--p99", options.bound, "Exit with 1 where the 99th percentile exceeds this")
      ->type_name("TIME");
  load->callback([&] { command = [&] { return run_load(context, options); }; });
}

}  // namespace scanflow::cli
