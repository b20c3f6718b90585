#include "engine/backend/in_process_step.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "sdk/loader/builtin.hpp"

namespace scanflow::backend {
namespace {

/// A host for steps that ask for nothing.
class NoServices final : public loader::HostServices {
 public:
  void log(std::int32_t, std::string_view) override {}
  void metric(std::string_view, double, std::int64_t, const std::map<std::string, std::string>&,
              bool) override {}
  void progress(double, std::string_view) override {}
  Result<std::string> artifact(std::string_view, bool) override {
    return fail("no artifacts here");
  }
  Result<std::string> run_state() override { return fail("no run state here"); }
  Result<std::string> register_model(std::string_view) override { return fail("no models here"); }
};

loader::StepRequest step_request(const protocol::Request& request) {
  loader::StepRequest result;
  result.run = request.id.run;
  result.step = request.id.step;
  result.attempt = request.id.attempt;
  result.threads = std::max(request.threads, 1u);
  return result;
}

}  // namespace

std::int64_t wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

protocol::Ended run_noop(const protocol::Request& request) {
  static const auto library = loader::builtin_library();  // linked in: cannot fail to load
  protocol::Ended ended;
  protocol::Result& result = ended.result;
  result.id = request.id;
  result.started_us = wall_us();
  NoServices services;
  loader::StepInstance step(services);
  loader::StepOutcome outcome = step.create(**library, "noop", request.config);
  if (outcome.ok()) outcome = step.run(step_request(request));
  worker::judge_outcome(outcome, false, result);
  result.ended_us = wall_us();
  return ended;
}

std::vector<Report> run_noops(std::vector<RequestPtr>& requests) {
  std::vector<Report> reports;
  std::erase_if(requests, [&](const RequestPtr& request) {
    if (request->uses != "noop") return false;
    reports.emplace_back(run_noop(*request));
    return true;
  });
  return reports;
}

InProcessStep::InProcessStep(RequestPtr request, std::string artifact_directory,
                             std::function<void(Report)> report)
    : request_(std::move(request)),
      report_(std::move(report)),
      artifacts_(std::move(artifact_directory)),
      step_(*this) {}

protocol::Result InProcessStep::run(const loader::Library& library, const std::string& scratch) {
  protocol::Result result;
  result.id = request_->id;
  result.started_us = wall_us();
  loader::StepOutcome outcome = step_.create(library, request_->uses, request_->config);
  if (outcome.ok()) {
    std::vector<scanflow_input> inputs;
    for (const protocol::Input& input : request_->inputs) {
      inputs.push_back({loader::to_view(input.name), loader::to_view(input.path),
                        loader::to_view(input.sha256)});
    }
    loader::StepRequest request = step_request(*request_);
    request.inputs = inputs;
    request.scratch = scratch;
    outcome = step_.run(request);
  }
  worker::judge_outcome(outcome, cancelled_, result);
  if (outcome.ok()) artifacts_.collect(result);
  result.ended_us = wall_us();
  return result;
}

void InProcessStep::cancel() {
  cancelled_ = true;
  step_.cancel();
  answered_.notify_all();
}

void InProcessStep::answer(const protocol::HostReply& reply) {
  const std::lock_guard lock(mutex_);
  replies_[reply.call] = reply;
  answered_.notify_all();
}

void InProcessStep::log(std::int32_t level, std::string_view text) {
  const std::lock_guard lock(mutex_);
  text_ += worker::log_line(level, text);
}

void InProcessStep::metric(std::string_view name, double value, std::int64_t step,
                           const std::map<std::string, std::string>& labels, bool logged) {
  protocol::Metric metric;
  metric.id = request_->id;
  metric.name = name;
  metric.value = value;
  metric.step = step;
  metric.time_us = wall_us();
  metric.labels = labels;
  metric.logged = logged;
  report_(std::move(metric));
}

void InProcessStep::progress(double fraction, std::string_view message) {
  report_(protocol::Progress{request_->id, fraction, std::string(message)});
}

Result<std::string> InProcessStep::artifact(std::string_view name, bool directory) {
  return artifacts_.announce(name, directory);
}

Result<std::string> InProcessStep::run_state() { return ask("run.state", "{}"); }

Result<std::string> InProcessStep::register_model(std::string_view request) {
  return ask("models.register", std::string(request));
}

Result<std::string> InProcessStep::ask(const char* method, std::string arguments) {
  protocol::HostCall call;
  call.id = request_->id;
  call.method = method;
  call.arguments = std::move(arguments);
  std::unique_lock lock(mutex_);
  const std::uint64_t number = call.call = ++calls_;
  lock.unlock();
  report_(std::move(call));
  lock.lock();
  answered_.wait(lock, [&] { return replies_.count(number) != 0 || cancelled_; });
  if (replies_.count(number) == 0) return fail("cancelled before the engine answered");
  const protocol::HostReply reply = std::move(replies_.extract(number).mapped());
  if (!reply.ok) return fail(reply.value);
  return reply.value;
}

}  // namespace scanflow::backend
