#include "engine/worker/plugin_attempt.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/worker/checkpoints.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::worker {

PluginAttempt::PluginAttempt(const protocol::Request& request, std::string artifact_directory,
                             PluginSink& sink)
    : request_(request),
      sink_(sink),
      artifacts_(std::move(artifact_directory)),
      step_(*this),
      commands_([this](const protocol::StepCommand& command) { return execute(command); },
                [this](protocol::StepAnswer answer) { sink_.say(std::move(answer)); }) {}

void PluginAttempt::run(const loader::Library& library, std::string_view scratch,
                        protocol::Result& result) {
  const loader::StepOutcome outcome = run_step(library, scratch);
  commands_.close();  // each is answered before the result is known
  judge_outcome(outcome, cancelled_, result);
  if (outcome.ok()) artifacts_.collect(result);
}

loader::StepOutcome PluginAttempt::run_step(const loader::Library& library,
                                            std::string_view scratch) {
  loader::StepOutcome created = step_.create(library, request_.uses, request_.config);
  if (!created.ok()) return created;
  offer_commands();
  std::vector<scanflow_input> inputs;
  for (const protocol::Input& input : request_.inputs) {
    inputs.push_back(
        {loader::to_view(input.name), loader::to_view(input.path), loader::to_view(input.sha256)});
  }
  loader::StepRequest request;
  request.run = request_.id.run;
  request.step = request_.id.step;
  request.attempt = request_.id.attempt;
  request.threads = std::max(request_.threads, 1u);
  request.inputs = inputs;
  request.scratch = scratch;
  return step_.run(request);
}

void PluginAttempt::offer_commands() {
  if (!step_.commands().empty()) {
    sink_.say(protocol::Offers{request_.id, step_.commands().dump()});
  }
  commands_.open();
}

protocol::StepAnswer PluginAttempt::execute(const protocol::StepCommand& command) {
  loader::CommandAnswer answer = step_.execute(command.name, command.arguments);
  return {command.id, command.call, std::move(answer.outcome), std::move(answer.value)};
}

bool PluginAttempt::cancel() {
  cancelled_ = true;
  return step_.cancel();
}

void PluginAttempt::answer(protocol::HostReply reply) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = reply.call;
  replies_[number] = std::move(reply);
  answered_.notify_all();
}

void PluginAttempt::give_up_calls() {
  const std::lock_guard lock(mutex_);
  given_up_ = true;
  answered_.notify_all();
}

void PluginAttempt::log(std::int32_t level, std::string_view text) {
  sink_.log(log_line(level, text));
}

void PluginAttempt::metric(std::string_view name, double value, std::int64_t step,
                           const std::map<std::string, std::string>& labels, bool logged) {
  protocol::Metric metric;
  metric.id = request_.id;
  metric.name = name;
  metric.value = value;
  metric.step = step;
  metric.time_us = wall_us();
  metric.labels = labels;
  metric.logged = logged;
  if (logged) metric.number = ++metrics_;
  sink_.say(std::move(metric));
}

void PluginAttempt::progress(double fraction, std::string_view message) {
  sink_.say(protocol::Progress{request_.id, fraction, std::string(message)});
}

Result<std::string> PluginAttempt::artifact(std::string_view name, bool directory) {
  return artifacts_.announce(name, directory);
}

Result<std::string> PluginAttempt::checkpoints() {
  const std::string& path = request_.checkpoints;
  if (path.empty()) return path;
  if (auto made = make_checkpoint_directory(path); !made) return tl::unexpected(made.error());
  std::call_once(checkpoints_told_, [&] {
    if (has_checkpoints(path)) log(SCANFLOW_LOG_INFO, checkpoints_note(path));
  });
  return path;
}

Result<std::string> PluginAttempt::run_state() { return ask("run.state", "{}"); }

Result<std::string> PluginAttempt::register_model(std::string_view request) {
  return ask("models.register", std::string(request));
}

Result<std::string> PluginAttempt::ask(const char* method, std::string arguments) {
  protocol::HostCall call;
  call.id = request_.id;
  call.method = method;
  call.arguments = std::move(arguments);
  std::unique_lock lock(mutex_);
  const std::uint64_t number = call.call = ++calls_;
  lock.unlock();
  sink_.say(std::move(call));
  lock.lock();
  answered_.wait(lock, [&] { return replies_.count(number) != 0 || given_up_; });
  if (replies_.count(number) == 0) return fail("cancelled before the engine answered");
  const protocol::HostReply reply = std::move(replies_.extract(number).mapped());
  if (!reply.ok) return fail(reply.value);
  return reply.value;
}

}  // namespace scanflow::worker
