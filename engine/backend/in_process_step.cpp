#include "engine/backend/in_process_step.hpp"

#include <type_traits>
#include <utility>
#include <variant>

#include "sdk/base/clock.hpp"
#include "sdk/loader/builtin.hpp"

namespace scanflow::backend {
namespace {

/// For steps that say nothing.
class NoSink final : public worker::PluginSink {
 public:
  void log(const std::string&) override {}
  void say(worker::Said) override {}
};

}  // namespace

protocol::Ended run_noop(const protocol::Request& request) {
  static const auto library = loader::builtin_library();  // linked in: cannot fail to load
  protocol::Ended ended;
  protocol::Result& result = ended.result;
  result.id = request.id;
  result.started_us = wall_us();
  NoSink sink;
  worker::PluginAttempt(request, {}, sink).run(**library, {}, result);
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
      attempt_(*request_, std::move(artifact_directory), *this) {}

protocol::Result InProcessStep::run(const loader::Library& library, const std::string& scratch) {
  protocol::Result result;
  result.id = request_->id;
  result.started_us = wall_us();
  attempt_.run(library, scratch, result);
  result.ended_us = wall_us();
  return result;
}

void InProcessStep::cancel() {
  attempt_.cancel();
  // The engine that would answer may be waiting for this thread.
  attempt_.give_up_calls();
}

void InProcessStep::log(const std::string& line) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t limit = worker::log_limit_of(*request_);
  if (full_) return;
  full_ = text_.size() + line.size() > limit;
  text_ += full_ ? worker::full_log_line(limit) : line;
}

void InProcessStep::say(worker::Said said) {
  std::visit(
      [this](auto& one) {
        // Nobody can command a step inside the engine: what it offers is of no use.
        if constexpr (std::is_constructible_v<Report, decltype(one)>) report_(std::move(one));
      },
      said);
}

}  // namespace scanflow::backend
