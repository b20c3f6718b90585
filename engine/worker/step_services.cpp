#include "engine/worker/step_services.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "engine/worker/clock.hpp"

namespace scanflow::worker {

StepServices::StepServices(const protocol::Spawn& spawn, UniqueFd socket)
    : id_(spawn.request.id),
      artifacts_(spawn.directory + "/artifacts"),
      socket_(std::move(socket)) {}

void StepServices::log(std::int32_t level, std::string_view text) {
  const std::string line = log_line(level, text);
  // One write, so that lines of several threads do not mix. A full disk loses the line.
  [[maybe_unused]] const ssize_t written = ::write(2, line.data(), line.size());
}

void StepServices::metric(std::string_view name, double value, std::int64_t step,
                          const std::map<std::string, std::string>& labels, bool logged) {
  protocol::Metric metric;
  metric.id = id_;
  metric.name = name;
  metric.value = value;
  metric.step = step;
  metric.time_us = wall_us();
  metric.labels = labels;
  metric.logged = logged;
  say(std::move(metric));
}

void StepServices::progress(double fraction, std::string_view message) {
  say(protocol::Progress{id_, fraction, std::string(message)});
}

Result<std::string> StepServices::artifact(std::string_view name, bool directory) {
  return artifacts_.announce(name, directory);
}

Result<std::string> StepServices::run_state() { return ask("run.state", "{}"); }

Result<std::string> StepServices::register_model(std::string_view request) {
  return ask("models.register", std::string(request));
}

Result<std::string> StepServices::ask(const char* method, std::string arguments) {
  protocol::HostCall call;
  call.id = id_;
  call.method = method;
  call.arguments = std::move(arguments);
  {
    const std::lock_guard lock(mutex_);
    call.call = ++calls_;
  }
  const std::uint64_t number = call.call;
  say(std::move(call));
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return replies_.count(number) != 0; });
  const protocol::HostReply reply = std::move(replies_.extract(number).mapped());
  if (!reply.ok) return fail(reply.value);
  return reply.value;
}

void StepServices::say(protocol::Body body) {
  const std::lock_guard lock(mutex_);
  // A supervisor that is gone is met by the listening thread, which ends the process.
  protocol::send(socket_.get(), out_, std::move(body)).or_else([](const Error&) {});
}

scanflow::Result<std::optional<protocol::Message>> StepServices::receive() {
  return protocol::receive(socket_.get(), in_);
}

void StepServices::answer(protocol::HostReply reply) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = reply.call;
  replies_[number] = std::move(reply);
  answered_.notify_all();
}

void StepServices::judge(const loader::StepOutcome& outcome, protocol::Result& result) {
  judge_outcome(outcome, cancelled_, result);
  if (outcome.ok()) artifacts_.collect(result);
}

}  // namespace scanflow::worker
