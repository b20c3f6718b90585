// What each primitive does.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "sdk/base/units.hpp"
#include "sidecar/execute/executor.hpp"
#include "sidecar/execute/said.hpp"

namespace scanflow::execute {
namespace {

using nlohmann::json;

constexpr std::int64_t kGraceUs = 10'000'000;
constexpr std::int64_t kLookUs = 100'000;  // between two looks for a file
/// A rule's hold has nobody who would end it.
constexpr std::int64_t kRuleHoldUs = 60'000'000;

std::string listed(const std::vector<std::string>& names) {
  return names.empty() ? std::string("nothing") : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Executor::Perform Executor::performer_of(const std::string& primitive) {
  static const std::map<std::string, Perform> performers = {
      {"pause", &Executor::pause},
      {"resume", &Executor::resume},
      {"throttle", &Executor::throttle},
      {"checkpoint", &Executor::checkpoint},
      {"stop_early", &Executor::by_command},
      {"set_param", &Executor::by_command},
      {"reload_model", &Executor::by_command},
      {"set_traffic", &Executor::set_traffic},
      {"drain", &Executor::drain},
      {"terminate", &Executor::terminate},
      {"restart", &Executor::restart},
      {"exec_hook", &Executor::exec_hook},
      {"dump", &Executor::dump},
  };
  const auto found = performers.find(primitive);
  return found == performers.end() ? nullptr : found->second;
}

Result<Hold::Lease> Executor::lease_of(const Task& task, Hold::How how, Now now) const {
  Hold::Lease lease;
  lease.how = how;
  lease.watched = task.why.is_null();
  if (!lease.watched) lease.until_us = now.mono_us + kRuleHoldUs;
  const auto said = task.arguments.find("for");
  if (said == task.arguments.end()) return lease;
  const auto us = parse_duration(said->is_string() ? said->get<std::string>() : said->dump());
  if (!us) return tl::unexpected(us.error());
  lease.until_us = now.mono_us + *us;
  return lease;
}

void Executor::ask(Task& task, const std::string& name, const json& arguments, Now now) {
  const Workload* workload = find(task.command.target);
  if (workload->hold.paused() && workload->hold.paused()->how == Hold::How::signals &&
      !name.starts_with('$')) {
    return finish(task, "FAILED", "it is paused and could not answer: resume it first",
                  json::object(), now);
  }
  task.stage = Task::asked;
  task.call = ++calls_;
  if (auto asked = hands_.ask(task.command.target, task.call, name, arguments.dump()); !asked)
    finish(task, "FAILED", asked.error().message, json::object(), now);
}

void Executor::by_command(Task& task, Workload& workload, Now now) {
  const std::string& name = task.command.primitive;
  if (is_offered(workload, name)) return ask(task, name, task.arguments, now);
  finish(task, "UNSUPPORTED",
         fmt::format("{} does not offer {}; it offers {}", workload.id.step, name,
                     listed(workload.offered)),
         {{"offers", workload.offered}}, now);
}

/// What its models are loaded from is brought first.
void Executor::set_traffic(Task& task, Workload& workload, Now now) {
  std::vector<Hands::Wanted> files;
  for (const json& version : task.arguments.value("versions", json::array())) {
    if (version.contains("sha256"))
      files.push_back({text_of(version, "sha256"), version.value("directory", false)});
  }
  if (files.empty() || !is_offered(workload, task.command.primitive))
    return by_command(task, workload, now);
  task.stage = Task::bringing;
  task.call = ++calls_;
  if (auto begun = hands_.bring(task.call, files); !begun)
    finish(task, "FAILED", begun.error().message, json::object(), now);
}

/// The step has done it.
void Executor::done(Task& task, Workload& workload, json value, Now now) {
  const std::string& name = task.command.primitive;
  const std::string message = text_of(value, "message");
  value.erase("message");
  if (name == "pause" || name == "throttle") {
    value["by"] = "its own command";
    const auto lease = lease_of(task, Hold::How::command, now);
    const double share = number_of(task.arguments, "share", 1.0);
    if (name == "pause") workload.hold.pause(*lease);
    if (name == "throttle" && share < 1) workload.hold.throttle(share, *lease, now.mono_us);
    if (name == "throttle" && share >= 1) workload.hold.unthrottle();
    (void)apply(workload, now);
  } else if (name == "resume") {
    workload.hold.resume();
    (void)apply(workload, now);
  } else if (name == "checkpoint") {
    if (!is_offered(workload, "checkpoint"))  // the program that was declared has ended
      return look_for_file(task, workload, now);
    const std::string path = text_of(value, "path");
    if (path.starts_with('/') && !hands_.look_at(workload.id, path)) {
      return finish(task, "FAILED",
                    fmt::format("it said that it wrote {}, which is not there", path), value, now);
    }
  } else if (name == "reload_model" && task.arguments.contains("sha256") &&
             value.value("sha256", json()) != task.arguments["sha256"]) {
    return finish(
        task, "FAILED",
        fmt::format("it has loaded {}, not {}",
                    value.contains("sha256") ? value["sha256"].dump() : "it does not say what",
                    task.arguments["sha256"].dump()),
        value, now);
  }
  finish(task, "DONE", message, value, now);
}

void Executor::pause(Task& task, Workload& workload, Now now) {
  const bool offered = is_offered(workload, "pause");
  const auto lease = lease_of(task, offered ? Hold::How::command : Hold::How::signals, now);
  if (!lease) return finish(task, "FAILED", "for: " + lease.error().message, json::object(), now);
  if (workload.hold.paused()) {
    Hold::Lease renewed = *lease;
    renewed.how = workload.hold.paused()->how;
    workload.hold.pause(renewed);
    return finish(task, "DONE", "it was paused already; its time begins anew", json::object(), now);
  }
  if (offered) return ask(task, "pause", json::object(), now);
  const std::int64_t liveness_us = workload.steering.liveness_us;
  if (liveness_us > 0 &&
      (lease->until_us == Hold::kNever || lease->until_us - now.mono_us >= liveness_us)) {
    return finish(
        task, "FAILED",
        fmt::format("its liveness probe would end it after {}: pause it for less (for: ..), "
                    "or let the step offer a pause of its own",
                    format_duration(liveness_us)),
        json::object(), now);
  }
  workload.hold.pause(*lease);
  if (const auto sent = apply(workload, now); !sent) {
    workload.hold.resume();
    (void)apply(workload, now);
    return unsent(task, sent.error(), now);
  }
  finish(task, "DONE", "", {{"by", "SIGSTOP"}}, now);
}

void Executor::resume(Task& task, Workload& workload, Now now) {
  const auto& paused = workload.hold.paused();
  if (paused && paused->how == Hold::How::signals) {
    workload.hold.resume();
    (void)apply(workload, now);
    return finish(task, "DONE", "", {{"by", "SIGCONT"}}, now);
  }
  if (is_offered(workload, "resume")) return ask(task, "resume", json::object(), now);
  finish(task, "DONE", "it was not paused", json::object(), now);
}

void Executor::throttle(Task& task, Workload& workload, Now now) {
  const auto lease = lease_of(task, Hold::How::signals, now);
  if (!lease) return finish(task, "FAILED", "for: " + lease.error().message, json::object(), now);
  if (is_offered(workload, "throttle")) {
    json arguments = task.arguments;
    arguments.erase("for");
    return ask(task, "throttle", arguments, now);
  }
  const double share = number_of(task.arguments, "share", 1.0);
  if (share >= 1) {
    workload.hold.unthrottle();
  } else if (const auto could = hands_.signal(workload.id, 0); !could) {
    return unsent(task, could.error(), now);  // it begins with a while in which it runs
  } else {
    workload.hold.throttle(share, *lease, now.mono_us);
  }
  (void)apply(workload, now);
  finish(task, "DONE", "", {{"by", "SIGSTOP and SIGCONT"}, {"share", std::min(share, 1.0)}}, now);
}

void Executor::checkpoint(Task& task, Workload& workload, Now now) {
  if (is_offered(workload, "checkpoint")) return ask(task, "checkpoint", json::object(), now);
  const Steering& steering = workload.steering;
  task.before = hands_.look_at(workload.id, steering.checkpoint_file);
  if (!steering.checkpoint_program.empty())
    return ask(task, "$run", {{"argv", steering.checkpoint_program}}, now);
  if (steering.checkpoint_signal == 0) {
    return finish(
        task, "UNSUPPORTED",
        fmt::format("{} offers no checkpoint (it offers {}), and the pipeline declares none "
                    "under sidecar.checkpoint",
                    workload.id.step, listed(workload.offered)),
        {{"offers", workload.offered}}, now);
  }
  if (auto sent = hands_.signal_leader(workload.id, steering.checkpoint_signal); !sent)
    return unsent(task, sent.error(), now);
  look_for_file(task, workload, now);
}

/// Of a checkpoint that a signal or a program made: the file is there, another one than before, and
/// does not grow any more.
void Executor::look_for_file(Task& task, Workload& workload, Now now) {
  const std::string& path = workload.steering.checkpoint_file;
  if (path.empty())
    return finish(task, "DONE", "it was asked; where it writes to is not declared", json::object(),
                  now);
  task.stage = Task::file;
  const auto file = hands_.look_at(workload.id, path);
  const bool fresh = file && file != task.before && file->bytes > 0;
  if (fresh && task.seen == file)
    return finish(task, "DONE", "", {{"path", path}, {"bytes", file->bytes}}, now);
  task.seen = fresh ? file : std::nullopt;
  task.look_us = now.mono_us + kLookUs;
}

/// What another user's processes are not sent is offered by nobody here.
void Executor::unsent(Task& task, const Hands::Unsent& why, Now now) {
  finish(task, why.forbidden ? "UNSUPPORTED" : "FAILED", why.message, json::object(), now);
}

void Executor::end_by_signal(Task& task, Workload& workload, std::int64_t grace_us, Now now) {
  if (const auto could = hands_.signal(workload.id, 0); !could)
    return unsent(task, could.error(), now);
  // First, so that its launcher knows why it ends.
  (void)hands_.ask(workload.id, ++calls_, "$ends", json{{"by", task.command.primitive}}.dump());
  if (auto sent = hands_.signal(workload.id, SIGTERM); !sent)
    return unsent(task, sent.error(), now);
  task.stage = Task::ending;
  if (grace_us != Hold::kNever) task.kill_us = now.mono_us + grace_us;
  workload.hold.resume();  // a stopped process would not see it
  workload.hold.unthrottle();
  (void)apply(workload, now);
}

void Executor::drain(Task& task, Workload& workload, Now now) {
  if (is_offered(workload, "drain")) return ask(task, "drain", task.arguments, now);
  end_by_signal(task, workload, Hold::kNever, now);
}

void Executor::terminate(Task& task, Workload& workload, Now now) {
  std::int64_t grace_us = kGraceUs;
  if (const auto said = task.arguments.find("grace"); said != task.arguments.end()) {
    const auto us = parse_duration(said->is_string() ? said->get<std::string>() : said->dump());
    if (!us) return finish(task, "FAILED", "grace: " + us.error().message, json::object(), now);
    grace_us = *us;
  }
  end_by_signal(task, workload, grace_us, now);
}

void Executor::restart(Task& task, Workload& /*workload*/, Now now) {
  ask(task, "$restart", json::object(), now);
}

void Executor::exec_hook(Task& task, Workload& workload, Now now) {
  const std::string name = text_of(task.arguments, "name");
  const auto& hooks = workload.steering.hooks;
  if (const auto hook = hooks.find(name); hook != hooks.end())
    return ask(task, "$run", {{"argv", hook->second}}, now);
  std::vector<std::string> names;
  names.reserve(hooks.size());
  for (const auto& [known, argv] : hooks) names.push_back(known);
  finish(task, "UNSUPPORTED",
         fmt::format("the pipeline declares no hook '{}' for {}; under sidecar.hooks there is {}",
                     name, workload.id.step, listed(names)),
         json::object(), now);
}

void Executor::dump(Task& task, Workload& workload, Now now) {
  finish(task, "DONE", "", hands_.dump(workload.id), now);
}

}  // namespace scanflow::execute
