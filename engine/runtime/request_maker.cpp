#include "engine/runtime/request_maker.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/checkpoints.hpp"
#include "engine/runtime/resolver.hpp"
#include "engine/runtime/saved_checkpoints.hpp"
#include "engine/runtime/secrets.hpp"

namespace scanflow::runtime {
namespace {

std::vector<protocol::Input> inputs_of(const json& bound) {
  std::vector<protocol::Input> inputs;
  for (const auto& [name, artifact] : bound.at("inputs").items()) {
    inputs.push_back({name, artifact.at("path"), artifact.at("sha256"),
                      artifact.value("bytes", std::uint64_t{0}),
                      artifact.value("directory", false)});
  }
  return inputs;
}

/// As the sidecar reads it, where relative paths mean nothing; empty: it is not to be watched.
std::string steering_of(const pipeline::Step& step, const std::filesystem::path& checkpoints) {
  if (step.sidecar.is_null()) return {};
  json steering = step.sidecar;
  if (const auto checkpoint = steering.find("checkpoint");
      checkpoint != steering.end() && checkpoint->contains("file")) {
    const std::filesystem::path file = checkpoint->at("file").get<std::string>();
    (*checkpoint)["file"] = (checkpoints / file).lexically_normal().string();
  }
  return steering.dump();
}

/// What its Pod is like, as in protocol::Request.
std::string pod_of(const pipeline::Step& step) {
  json pod = json::object();
  const pipeline::Resources& resources = step.resources;
  const auto set = [&](const char* kind, double cpu, std::uint64_t memory) {
    if (cpu > 0) pod[kind]["cpu"] = fmt::format("{}m", std::lround(cpu * 1000));
    if (memory > 0) pod[kind]["memory"] = std::to_string(memory);
  };
  set("requests", resources.cpu_request, resources.memory_request);
  set("limits", resources.cpu_limit, resources.memory_limit);
  // As Kubernetes wants them: the request follows.
  for (const auto& [device, count] : resources.devices)
    pod["limits"][device] = std::to_string(count);
  if (!step.image.empty()) pod["image"] = step.image;
  if (!step.pod.empty()) pod["template"] = step.pod;
  if (!step.volumes.empty()) pod["volumes"] = step.volumes;
  for (const auto& [variable, secret] : step.secrets) {
    if (!secret.name.empty() && takes_secrets(step))
      pod["secrets"][variable] = {{"name", secret.name}, {"key", secret.key}};
  }
  if (step.reuse.enabled) {
    pod["reuse"] = {
        {"uses", step.reuse.uses}, {"idle_us", step.reuse.idle_us}, {"age_us", step.reuse.age_us}};
  }
  return pod.dump();
}

/// Those that the step itself sets.
Environment own_variables(const ActiveRun& run, std::uint32_t step) {
  const auto& resolved = run.machine().step(step).resolved;
  return resolved ? resolved->at("env").get<Environment>() : run.machine().spec_of(step).env;
}

/// It began beside another one.
bool is_hedge(const ActiveRun& run, std::uint32_t step, std::uint32_t attempt) {
  for (const run::InFlight& each : run.machine().in_flight(step)) {
    if (each.attempt == attempt) return each.hedge;
  }
  return false;
}

}  // namespace

void RequestMaker::set_environment(Environment wanted, const Environment& own) {
  environment_ = std::move(wanted);
  added_ = environment_;
  std::erase_if(added_, [&](const auto& variable) {
    const auto found = own.find(variable.first);
    return found != own.end() && found->second == variable.second;
  });
}

void RequestMaker::withhold(const std::set<std::string>& variables) {
  withheld_.insert(variables.begin(), variables.end());
}

/// A Pod has an environment of its own, which is its image's.
void RequestMaker::add_environment(const ActiveRun& run, const pipeline::Step& step,
                                   protocol::Request& request) const {
  if (backend::runs_pods(run.submission().options.backend)) return;
  std::set<std::string> needed;
  for (const auto& [name, secret] : step.secrets) needed.insert(secret.env);
  for (const std::string& variable : withheld_) {
    if (!needed.contains(variable)) request.env.emplace(variable, "");
  }
  request.env.insert(added_.begin(), added_.end());
}

Result<void> RequestMaker::add_secrets(const ActiveRun& run, const pipeline::Step& step,
                                       protocol::Request& request) const {
  if (!takes_secrets(step)) return {};
  for (const auto& [name, secret] : step.secrets) {
    if (!secret.name.empty()) continue;  // its Pod has it
    auto value = find_secret(secret, environment_, run.submission().options.directory);
    if (!value) return fail(fmt::format("the secret {}: {}", name, value.error().message));
    request.secrets[name] = std::move(*value);
  }
  return {};
}

Result<protocol::Request> RequestMaker::prototype(const ActiveRun& run, std::uint32_t spec) {
  if (const auto found = prototypes_.find(spec); found != prototypes_.end()) return found->second;
  const pipeline::Step& step = run.plan().pipeline->steps[spec];
  const loader::PluginInfo* plugin = run.prepared().catalog->find(step.uses);
  if (plugin == nullptr)
    return fail("the plugin " + step.uses + " is gone: 'scanflow plugin list' shows what is there");
  if (step.replicas > 1 && run.submission().options.backend == "inproc")
    return fail(fmt::format(
        "its {} replicas are processes of their own, which the backend inproc has none of: "
        "--backend local",
        step.replicas));
  protocol::Request request;
  request.id.run = run.id();
  request.pipeline = run.plan().pipeline->name;
  request.uses = step.uses;
  request.library = plugin->library.string();
  request.threads = step.resources.threads();
  request.replicas = step.replicas;
  request.memory_limit = step.resources.memory_limit;
  request.cwd = run.submission().options.directory;
  if (backend::runs_pods(run.submission().options.backend)) request.pod = pod_of(step);
  if (log_dir_.empty()) {
    log_dir_ = state_.logs_of(run.id()).string();
    std::error_code error;  // a failure shows when a log is opened
    std::filesystem::create_directories(log_dir_, error);
    if (const std::string& earlier = run.submission().retry_of; !earlier.empty())
      inherit_checkpoints(state_, earlier, run.id());
  }
  request.log_dir = log_dir_;
  if (!step.with_is_dynamic) {
    const auto bound = bound_as_written(step, *plugin);
    if (!bound) return tl::unexpected(bound.error());
    request.config = (*bound)->config;
    request.inputs = (*bound)->inputs;
  }
  request.env = step.env;
  add_environment(run, step, request);
  if (!step.matrix.empty() || !step.for_each.is_null()) prototypes_.emplace(spec, request);
  return request;
}

Result<const RequestMaker::Bound*> RequestMaker::bound_as_written(
    const pipeline::Step& step, const loader::PluginInfo& plugin) {
  const auto [last, fresh] = bound_.try_emplace(&plugin);
  if (!fresh && last->second.with == step.with) return &last->second;
  auto bound = bind(step, plugin, step.with);
  if (!bound) {
    bound_.erase(last);
    return tl::unexpected(bound.error());
  }
  last->second = {step.with, bound->at("config").dump(), inputs_of(*bound)};
  return &last->second;
}

Result<std::shared_ptr<const protocol::Request>> RequestMaker::make(const ActiveRun& run,
                                                                    std::uint32_t step,
                                                                    std::uint32_t attempt) {
  auto base = prototype(run, run.machine().planned(step).spec);
  if (!base) return tl::unexpected(base.error());
  const pipeline::Step& spec = run.machine().spec_of(step);
  auto request = std::make_shared<protocol::Request>(std::move(*base));
  request->id.step = run.machine().planned(step).id;
  request->id.attempt = attempt;
  const Environment own = own_variables(run, step);
  if (const auto& resolved = run.machine().step(step).resolved) {
    request->config = resolved->at("config").dump();
    request->inputs = inputs_of(*resolved);
    request->env = own;
    add_environment(run, spec, *request);
  }
  request->checkpoints = checkpoint_directory(state_, *request, own, is_hedge(run, step, attempt));
  if (!request->pod.empty() && !request->checkpoints.empty())
    request->saved = saved_checkpoints(saved_directory(request->checkpoints));
  request->steering = steering_of(spec, request->checkpoints);
  if (auto added = add_secrets(run, spec, *request); !added) return tl::unexpected(added.error());
  return request;
}

}  // namespace scanflow::runtime
