#include "sdk/loader/control_instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "sdk/loader/step_instance.hpp"

namespace scanflow::loader {
namespace {

/// What a plugin writes in one call: each write a document.
class Written {
 public:
  Written(std::size_t most, std::size_t most_bytes) : most_(most), most_bytes_(most_bytes) {}
  scanflow_sink sink() { return {this, &Written::write}; }
  const std::vector<std::string>& all() const { return all_; }
  /// It wrote more than it may; the rest was refused.
  bool overflowed() const { return overflowed_; }

 private:
  static std::int32_t write(void* ctx, const char* data, std::size_t size) noexcept {
    try {
      Written& self = *static_cast<Written*>(ctx);
      self.overflowed_ = self.overflowed_ || self.all_.size() == self.most_ ||
                         size > self.most_bytes_ - self.bytes_;
      if (self.overflowed_) return SCANFLOW_FAILED;
      self.bytes_ += size;
      self.all_.emplace_back(data, size);
      return SCANFLOW_OK;
    } catch (...) {
      return SCANFLOW_FAILED;
    }
  }

  const std::size_t most_, most_bytes_;
  std::vector<std::string> all_;
  std::size_t bytes_ = 0;
  bool overflowed_ = false;
};

Result<std::optional<std::string>> state_of(const Written& written, const std::string& id) {
  if (written.overflowed()) {
    return fail(fmt::format("{} wrote a state of more than {} KiB, or more than one", id,
                            kMaxControlState >> 10));
  }
  if (written.all().empty()) return std::nullopt;
  return written.all().front();
}

/// Each of them as a JSON object.
Result<std::vector<json>> objects_of(const Written& written, const std::string& id,
                                     const char* what, std::size_t most) {
  if (written.overflowed()) {
    return fail(fmt::format("{} gave more than {} {}, or more than {} MiB of them, in one call", id,
                            most, what, kMaxControlAnswer >> 20));
  }
  std::vector<json> objects;
  for (const std::string& text : written.all()) {
    json object = json::parse(text, nullptr, false);
    if (!object.is_object())
      return fail(fmt::format("{} gave {} that are no JSON object: {:.60}", id, what, text));
    objects.push_back(std::move(object));
  }
  return objects;
}

/// {"source": "events", "type"}, {"source": "samples", "name", "labels": texts}.
bool is_watch(const json& watch) {
  const auto is_text = [&](const char* field) {
    const auto found = watch.find(field);
    return found != watch.end() && found->is_string();
  };
  if (!is_text("source")) return false;
  if (watch.at("source") == "events") return is_text("type");
  if (watch.at("source") == "objects")
    return is_text("object") && is_text("namespace") && is_text("labels") && is_text("path");
  if (watch.at("source") != "samples" || !is_text("name")) return false;
  const json labels = watch.value("labels", json::object());
  return labels.is_object() && std::all_of(labels.begin(), labels.end(),
                                           [](const json& value) { return value.is_string(); });
}

/// `Instance`: scanflow_trigger, scanflow_strategy. The instance, or null and the error.
template <class Factory, class Instance>
Result<Instance*> make(const Library& library, const char* kind, const char* factory_id,
                       const std::string& id, const json& config, ControlHost& host) {
  const auto* factory = static_cast<const Factory*>(library.factory(factory_id));
  if (factory == nullptr)
    return fail(fmt::format("{} has no {}, so no '{}'", library.info().id, kind, id));
  Instance* instance = nullptr;
  const std::string text = config.dump();
  try {
    const auto status = factory->create(host.abi(), id.c_str(), to_view(text), &instance);
    if (status != SCANFLOW_OK) return tl::unexpected(host.take_error("create of " + id, status));
  } catch (...) {
    return fail(fmt::format("create of {} threw across the boundary", id));
  }
  if (instance == nullptr || !SCANFLOW_HAS(instance, Instance, get_extension)) {
    return fail(
        fmt::format("create of {} gave no usable instance; rebuild the plugin against the "
                    "current SDK",
                    id));
  }
  return instance;
}

}  // namespace

ControlHost::ControlHost(ControlLog log)
    : host_{SCANFLOW_ABI_MAJOR,   SCANFLOW_ABI_MINOR,     sizeof(scanflow_host),  0, this,
            &ControlHost::on_log, &ControlHost::on_error, &ControlHost::extension},
      log_(std::move(log)) {}

void ControlHost::on_log(const scanflow_host* host, std::int32_t level,
                         scanflow_view line) noexcept {
  try {
    static_cast<ControlHost*>(host->ctx)->log_(level, to_text(line));
  } catch (...) {  // nobody is left to be told
  }
}

void ControlHost::on_error(const scanflow_host* host, scanflow_view message) noexcept {
  try {
    static_cast<ControlHost*>(host->ctx)->error_ = to_text(message);
  } catch (...) {  // the status tells
  }
}

Error ControlHost::take_error(const std::string& what, std::int32_t status) {
  std::string error = std::exchange(error_, {});
  if (!error.empty()) return {std::move(error)};
  return {
      fmt::format("{} failed with status {} and did not say why (its author should call set_error)",
                  what, status)};
}

TriggerInstance::TriggerInstance(std::shared_ptr<const Library> library, std::string id,
                                 ControlLog log)
    : library_(std::move(library)), id_(std::move(id)), host_(std::move(log)) {}

TriggerInstance::~TriggerInstance() {
  if (trigger_ != nullptr) trigger_->destroy(trigger_);
}

Result<std::unique_ptr<TriggerInstance>> TriggerInstance::create(
    std::shared_ptr<const Library> library, const std::string& id, const json& config,
    ControlLog log) {
  std::unique_ptr<TriggerInstance> made(
      new TriggerInstance(std::move(library), id, std::move(log)));
  auto instance = make<scanflow_trigger_factory, scanflow_trigger>(
      *made->library_, "triggers", SCANFLOW_TRIGGER_FACTORY, id, config, made->host_);
  if (!instance) return tl::unexpected(instance.error());
  made->trigger_ = *instance;
  return made;
}

Result<Woken> TriggerInstance::wake(const WakeUp& why) {
  Written fires(kMaxFirings, kMaxControlAnswer), state(1, kMaxControlState);
  const std::string event = why.event.is_null() ? "" : why.event.dump();
  const scanflow_wake wake = {sizeof wake,        why.reason,   why.now_us,  to_view(event),
                              to_view(why.state), fires.sink(), state.sink()};
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  try {
    const auto status = trigger_->wake(trigger_, &wake, &next);
    if (status != SCANFLOW_OK) return tl::unexpected(host_.take_error("wake of " + id_, status));
  } catch (...) {
    return fail(fmt::format("wake of {} threw across the boundary", id_));
  }
  auto written = objects_of(fires, id_, "firings", kMaxFirings);
  if (!written) return tl::unexpected(written.error());
  auto left = state_of(state, id_);
  if (!left) return tl::unexpected(left.error());
  Woken woken;
  for (json& fire : *written) {
    json evidence = fire.value("evidence", json());
    if (!evidence.is_object())
      return fail(fmt::format("{} fired without \"evidence\", a JSON object", id_));
    woken.fires.push_back(std::move(evidence));
  }
  woken.state = std::move(*left);
  if (next != std::numeric_limits<std::int64_t>::max()) woken.next_wake_us = next;
  return woken;
}

Result<std::vector<json>> TriggerInstance::watches() {
  const auto* const watch = static_cast<const scanflow_trigger_watch*>(
      trigger_->get_extension(trigger_, SCANFLOW_TRIGGER_WATCH));
  if (watch == nullptr || !SCANFLOW_HAS(watch, scanflow_trigger_watch, watches))
    return std::vector<json>();
  Written written(kMaxFirings, kMaxControlAnswer);
  try {
    const auto status = watch->watches(trigger_, written.sink());
    if (status != SCANFLOW_OK) return tl::unexpected(host_.take_error("watches of " + id_, status));
  } catch (...) {
    return fail(fmt::format("watches of {} threw across the boundary", id_));
  }
  auto watches = objects_of(written, id_, "watches", kMaxFirings);
  if (!watches) return watches;
  for (const json& each : *watches)
    if (!is_watch(each))
      return fail(fmt::format("{} watches what cannot be watched: {:.200}", id_, each.dump()));
  return watches;
}

StrategyInstance::StrategyInstance(std::shared_ptr<const Library> library, std::string id,
                                   ControlLog log)
    : library_(std::move(library)), id_(std::move(id)), host_(std::move(log)) {}

StrategyInstance::~StrategyInstance() {
  if (strategy_ != nullptr) strategy_->destroy(strategy_);
}

Result<std::unique_ptr<StrategyInstance>> StrategyInstance::create(
    std::shared_ptr<const Library> library, const std::string& id, const json& config,
    ControlLog log) {
  std::unique_ptr<StrategyInstance> made(
      new StrategyInstance(std::move(library), id, std::move(log)));
  auto instance = make<scanflow_strategy_factory, scanflow_strategy>(
      *made->library_, "strategies", SCANFLOW_STRATEGY_FACTORY, id, config, made->host_);
  if (!instance) return tl::unexpected(instance.error());
  made->strategy_ = *instance;
  return made;
}

Result<Decided> StrategyInstance::decide(const Question& question) {
  Written actions(kMaxActions, kMaxControlAnswer), state(1, kMaxControlState);
  const std::string evidence = question.evidence.dump();
  const scanflow_decide decide = {
      sizeof decide,  0,           question.now_us, to_view(evidence), to_view(question.state),
      actions.sink(), state.sink()};
  try {
    const auto status = strategy_->decide(strategy_, &decide);
    if (status != SCANFLOW_OK) return tl::unexpected(host_.take_error("decide of " + id_, status));
  } catch (...) {
    return fail(fmt::format("decide of {} threw across the boundary", id_));
  }
  auto written = objects_of(actions, id_, "actions", kMaxActions);
  if (!written) return tl::unexpected(written.error());
  auto left = state_of(state, id_);
  if (!left) return tl::unexpected(left.error());
  Decided decided;
  for (const json& action : *written) {
    const json primitive = action.value("primitive", json());
    json target = action.value("target", json::object()),
         args = action.value("args", json::object());
    const json reason = action.value("reason", json(""));
    if (!primitive.is_string() || !target.is_object() || !args.is_object() || !reason.is_string()) {
      return fail(
          fmt::format("{} asked for something that is no action {{\"primitive\", "
                      "\"target\", \"args\", \"reason\"}}: {:.100}",
                      id_, action.dump()));
    }
    decided.actions.push_back({primitive, std::move(target), std::move(args), reason});
  }
  decided.state = std::move(*left);
  return decided;
}

}  // namespace scanflow::loader
