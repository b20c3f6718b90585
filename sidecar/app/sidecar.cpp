#include "sidecar/app/sidecar.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/app/note.hpp"
#include "sidecar/app/prometheus.hpp"

namespace scanflow::sidecar {
namespace {

using nlohmann::json;

constexpr std::size_t kWaitingSamples = 100'000;  // 3 MiB at most, while the hub is away
constexpr std::size_t kSeries = 2000;
constexpr std::int64_t kSampleUs = 1'000'000;  // until a hub says otherwise
/// After an attempt has come: by then its series are named, and its cgroup is found.
constexpr std::int64_t kTrimUs = 5'000'000;
/// Without a launcher: how long it waits for one, and for the hub to take what it keeps.
constexpr std::int64_t kAloneUs = 2'000'000, kAbandonedUs = 600'000'000;

/// Between two looks at what is due.
constexpr std::int64_t kLongestUs = 3'600'000'000;

execute::Now now() { return {monotonic_us(), wall_us()}; }

collect::Options collect_options(const Config& config) {
  collect::Options options;
  options.volumes = config.volumes;
  if (!config.gpu) options.nvml.clear();
  return options;
}

/// The kubelet writes it anew now and then.
std::string read_token(const std::string& file) {
  constexpr std::size_t kMostToken = 16u << 10;
  auto token = read_file(file, kMostToken);
  if (!token) {
    note(token.error().message + "; the hub will not know this Pod");
    return {};
  }
  token->resize(token->find_last_not_of(" \n") + 1);
  return std::move(*token);
}

}  // namespace

Sidecar::Sidecar(Config config)
    : config_(std::move(config)),
      boot_id_(uuid_v7(wall_us() / 1000)),
      context_(1),
      telemetry_(kWaitingSamples, kSeries),
      collector_(collect_options(config_),
                 [](std::string_view about, std::string_view reason) {
                   note(fmt::format("{}: {}", about, reason));
                 }),
      attempts_(collector_, telemetry_, config_.pod_name),
      sample_us_(kSampleUs) {}

Sidecar::~Sidecar() = default;

Result<std::unique_ptr<Sidecar>> Sidecar::open(Config config) {
  std::unique_ptr<Sidecar> sidecar(new Sidecar(std::move(config)));
  if (auto opened = sidecar->open_parts(); !opened) return tl::unexpected(opened.error());
  return sidecar;
}

/// One that was told to end a moment ago may be about to.
Result<void> Sidecar::lock() {
  constexpr int kPatienceMs = 2000;
  std::error_code error;
  std::filesystem::create_directories(config_.directory, error);
  const std::string path = config_.directory + "/lock";
  lock_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return fail(describe_errno("cannot open", path, errno));
  if (lock_patiently(lock_.get(), kPatienceMs)) return {};
  return fail(fmt::format("another sidecar holds {}; it must end first", path));
}

Result<void> Sidecar::open_parts() {
  terminate_ = loop_.on_signal(SIGTERM, [this] { drain("SIGTERM"); });
  interrupt_ = loop_.on_signal(SIGINT, [this] { drain("SIGINT"); });
  if (auto locked = lock(); !locked) return locked;
  const std::filesystem::path directory = config_.directory;
  auto spool = link::Spool::open(directory / "spool");
  if (!spool) return tl::unexpected(spool.error());
  spool_ = std::move(*spool);
  auto journal = execute::Journal::open(directory / "commands", wall_us());
  if (!journal) return tl::unexpected(journal.error());
  journal_ = std::move(*journal);
  execute::Executor::Events done;
  done.ended = [this](const protocol::Outcome& outcome) {
    if (auto* attempt = attempts_.find(outcome.target);
        attempt != nullptr && outcome.primitive == "checkpoint" && outcome.outcome == "DONE") {
      attempt->checkpoint = json::parse(outcome.evidence, nullptr, false);
      attempt->checkpoint_us = monotonic_us();
      if (auto* work = relay()) work->has_checkpoint(outcome.target);
    }
    deliver(outcome);
  };
  done.say = [](const std::string& text) { note(text); };
  executor_ = std::make_unique<execute::Executor>(*journal_, attempts_, done, now());

  Launchers::Events told;
  told.message = [this](Launchers::Id id, protocol::Body& body) { on_message(id, body); };
  told.gone = [this](Launchers::Id id) { on_gone(id); };
  auto launchers = Launchers::listen(loop_, config_.socket, told);
  if (!launchers) return tl::unexpected(launchers.error());
  launchers_ = std::move(*launchers);
  constexpr mode_t kAll = 0666;
  if (config_.socket_for_all && ::chmod(config_.socket.c_str(), kAll) != 0)
    return fail(describe_errno("cannot open to all users", config_.socket, errno));
  attempts_.tell_by([this](Launchers::Id id, protocol::Body body) {
    return launchers_->tell(id, std::move(body));
  });

  open_session();
  if (!config_.bulk.empty()) open_pod_work();
  auto dealer = link::Dealer::open(context_, config_.hub);
  if (!dealer) return tl::unexpected(dealer.error());
  dealer_ = std::make_unique<link::Dealer>(std::move(*dealer));
  hub_ready_ = loop_.watch(dealer_->fd(), EV_READ, [](short) {});  // before_wait reads it

  timer_ = loop_.timer([] {});
  if (config_.admin.empty()) return {};
  Admin::Answers answers;
  answers.ready = [this] { return drain_until_us_ == 0; };
  answers.metrics = [this] { return metrics(); };
  if (config_.admin_shutdown) answers.shutdown = [this] { drain("POST /shutdown"); };
  auto admin = Admin::open(loop_, config_.admin, answers);
  if (!admin) return tl::unexpected(admin.error());
  admin_ = std::move(*admin);
  note("admin at " + admin_->address());
  return {};
}

void Sidecar::open_session() {
  link::Session::Identity identity{config_.pod_uid, boot_id_, {}};
  identity.hello.role = "sidecar";
  identity.hello.pid = ::getpid();
  identity.hello.version = SCANFLOW_VERSION;
  identity.hello.name = config_.pod_name;
  identity.hello.capabilities = {"commands", "telemetry"};
  if (!config_.worker.empty()) identity.hello.capabilities.emplace_back("launch");
  link::SessionEvents events;
  events.begun = [this](const protocol::Welcome& welcome) { begin_session(welcome); };
  events.ended = [this] { executor_->watched(false, now()); };
  events.command = [this](const protocol::Command& command) {
    if (auto taken = executor_->command(command, now()); !taken) return note(taken.error().message);
    session_->received(command.id);
  };
  events.order = [this](const protocol::Body& order) {
    if (auto* work = relay()) work->order(order);
  };
  events.rejected = [](const std::string& why) { note("the hub refuses this sidecar: " + why); };
  if (!config_.token_file.empty()) events.token = [this] { return read_token(config_.token_file); };
  session_ = std::make_unique<link::Session>(identity, telemetry_, *spool_, events);
}

void Sidecar::open_pod_work() {
  relay::Relay::Events events;
  events.deliver = [this](protocol::Body body) { deliver(std::move(body)); };
  events.tell = [this](protocol::Body body) { session_->tell(std::move(body)); };
  events.say = [](const std::string& text) { note(text); };
  pod_work_ = std::make_unique<PodWork>(loop_, context_, config_, boot_id_, std::move(events));
  attempts_.bring_by([this](std::uint64_t call, const auto& files) {
    pod_work_->bring(call, files,
                     [this, call](const auto& paths) { executor_->brought(call, paths, now()); });
  });
}

relay::Relay* Sidecar::relay() const { return pod_work_ ? pod_work_->relay() : nullptr; }

void Sidecar::run() {
  alone_since_us_ = monotonic_us();
  loop_.run([this] { before_wait(); });
}

// --- what launchers say

void Sidecar::on_message(Launchers::Id launcher, protocol::Body& body) {
  if (const auto* hello = std::get_if<protocol::Hello>(&body)) {
    const auto& told = hello->capabilities;
    if (std::find(told.begin(), told.end(), "deliver") != told.end()) deliver_for_.insert(launcher);
  } else if (const auto* started = std::get_if<protocol::Started>(&body)) {
    on_started(launcher, *started);
  } else if (const auto* offers = std::get_if<protocol::Offers>(&body)) {
    on_offers(*offers);
  } else if (const auto* answer = std::get_if<protocol::StepAnswer>(&body)) {
    executor_->answered(answer->call, answer->outcome, answer->value, now());
  } else if (auto* ended = std::get_if<protocol::Ended>(&body)) {
    on_ended(launcher, std::move(ended->result));
  } else if (const auto* metric = std::get_if<protocol::Metric>(&body)) {
    if (metric->logged && deliver_for_.contains(launcher)) {
      deliver(*metric);
    } else {
      attempts_.metric(*metric);
    }
  } else if (const auto* progress = std::get_if<protocol::Progress>(&body)) {
    session_->tell(*progress);
  } else if (std::holds_alternative<protocol::Heartbeat>(body)) {
    (void)launchers_->tell(launcher, protocol::Heartbeat{});
  }
}

void Sidecar::on_started(Launchers::Id launcher, const protocol::Started& started) {
  auto steering = execute::parse_steering(started.steering);
  if (!steering) note(fmt::format("{}: {}", started.id.step, steering.error().message));
  const execute::Steering settings = steering ? std::move(*steering) : execute::Steering();
  for (const std::string& problem :
       attempts_.add(launcher, started, settings.rules, config_.rules)) {
    note(fmt::format("{}: {}", started.id.step, problem));
  }
  executor_->add(started.id, settings, now());
  trim_at_us_ = monotonic_us() + kTrimUs;
  if (const auto* attempt = attempts_.find(started.id)) tell_of(*attempt);
}

void Sidecar::on_offers(const protocol::Offers& offers) {
  auto* attempt = attempts_.find(offers.id);
  if (attempt == nullptr) return;
  attempt->offers = offers.commands;
  std::vector<std::string> names;
  const json list = json::parse(offers.commands, nullptr, false);
  for (const json& command : list.is_array() ? list : json::array()) {
    if (command.is_object() && command.contains("name") && command["name"].is_string())
      names.push_back(command["name"]);
  }
  executor_->offers(offers.id, std::move(names));
  session_->tell(offers);
}

void Sidecar::on_ended(Launchers::Id launcher, protocol::Result result) {
  const auto* attempt = attempts_.find(result.id);
  if (attempt == nullptr) return;
  const protocol::AttemptId id = result.id;
  const std::string how = result.status == "succeeded" ? "it succeeded" : result.message;
  if (result.status != "succeeded") {
    const json document = attempts_.post_mortem(*attempt, result, now());
    result.post_mortem = document.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  if (deliver_for_.contains(launcher)) {
    deliver(protocol::Ended{std::move(result)});
    (void)launchers_->tell(launcher, protocol::Acknowledge{id});
  } else if (result.status != "succeeded") {
    (void)launchers_->tell(launcher, protocol::Ended{std::move(result)});
  }
  forget(id, how);
}

void Sidecar::on_gone(Launchers::Id launcher) {
  deliver_for_.erase(launcher);
  for (const protocol::AttemptId& id : attempts_.of(launcher)) {
    if (auto* work = relay()) {  // nobody else has seen how it ended
      protocol::Result result;
      result.id = id;
      result.status = "failed";
      const json document = attempts_.post_mortem(*attempts_.find(id), result, now());
      work->died(id, document.dump(-1, ' ', false, json::error_handler_t::replace));
    }
    forget(id, "its launcher is gone");
  }
}

void Sidecar::forget(const protocol::AttemptId& id, const std::string& how) {
  executor_->remove(id, how, now());
  attempts_.remove(id);
}

// --- the hub

void Sidecar::begin_session(const protocol::Welcome& welcome) {
  sample_us_ = std::max<std::int64_t>(welcome.sample_us, kSampleUs / 10);
  executor_->watched(true, now());
  for (const auto& [id, attempt] : attempts_.all()) tell_of(attempt);
  if (auto* work = relay()) work->begin_session();
}

void Sidecar::tell_of(const Attempts::Attempt& attempt) {
  session_->tell(attempt.started);
  session_->tell(protocol::Offers{attempt.started.id, attempt.offers});
}

void Sidecar::deliver(protocol::Body body) {
  protocol::Message message;
  message.header.pod_uid = config_.pod_uid;
  message.header.boot_id = boot_id_;
  message.body = std::move(body);
  std::string bytes;
  protocol::encode(message, bytes);
  spool_->add(std::move(bytes));
  if (std::exchange(problem_, spool_->problem()) != spool_->problem() && !problem_.empty())
    note(problem_ + "; what the hub does not have yet is kept in memory");
}

// --- time

void Sidecar::before_wait() {
  const std::int64_t now_us = monotonic_us();
  if (!attempts_.all().empty() && now_us >= sample_at_us_) {
    sample_at_us_ = std::max(sample_at_us_ + sample_us_, now_us + sample_us_ / 2);
    sample();
  }
  executor_->tick(now());
  const std::int64_t work_us = pod_work_ ? pod_work_->exchange(now_us) : now_us + kLongestUs;
  dealer_->exchange(*session_, now_us);
  leave_if_alone(now_us);
  if (drained(now_us)) return loop_.stop();
  std::int64_t wake_us = std::min({session_->wake_us(), executor_->wake_us(now()), work_us});
  if (!attempts_.all().empty()) wake_us = std::min(wake_us, sample_at_us_);
  if (alone_since_us_ > 0 && config_.ends_alone) wake_us = std::min(wake_us, now_us + kAloneUs);
  if (drain_until_us_ > 0) wake_us = std::min(wake_us, drain_until_us_);
  Loop::arm(timer_, std::min(wake_us - now_us, kLongestUs));
}

void Sidecar::sample() {
  const execute::Now at = now();
  for (const Attempts::Fired& fired : attempts_.sample(*executor_, at)) {
    auto* attempt = attempts_.find(fired.attempt);
    if (fired.own && fired.rule.primitive == "checkpoint") attempt->warned_us = at.mono_us;
    const std::string text = collect::text_of(fired.rule);
    note(fmt::format("{}: {} (it is {:.4g})", fired.attempt.step, text, fired.firing.value));
    // The sidecar's own rules are for steps that offer what they do.
    if (fired.own && !executor_->is_offered(fired.attempt, fired.rule.primitive)) continue;
    json why = {{"rule", text}, {"value", fired.firing.value}};
    if (fired.firing.slope) why["slope"] = *fired.firing.slope;
    executor_->act(fired.attempt, fired.rule.primitive, why, at);
  }
  // What that took is not needed again: a fifth of the heap.
  if (trim_at_us_ == 0 || at.mono_us < trim_at_us_) return;
  trim_at_us_ = 0;
  ::malloc_trim(0);
}

/// On the local backend: it has no Pod that would end it.
void Sidecar::leave_if_alone(std::int64_t now_us) {
  if (launchers_->size() > 0) {
    alone_since_us_ = 0;
    return;
  }
  if (alone_since_us_ == 0) alone_since_us_ = now_us;
  if (!config_.ends_alone || drain_until_us_ > 0) return;
  if (auto* work = relay(); work != nullptr && work->busy()) return;
  // Somebody may have removed it: nothing of what is kept can be had any more.
  if (::access((config_.directory + "/lock").c_str(), F_OK) != 0) return loop_.stop();
  const std::int64_t alone_us = now_us - alone_since_us_;
  if (alone_us >= (spool_->empty() ? kAloneUs : kAbandonedUs)) drain("nothing runs any more");
}

void Sidecar::drain(const std::string& why) {
  if (drain_until_us_ > 0) return;
  note("ends: " + why);
  drain_until_us_ = monotonic_us() + config_.grace_us;
  if (auto* work = relay()) work->drain();
}

/// The hub has all, or the time is over: what it does not have stays in the spool.
bool Sidecar::drained(std::int64_t now_us) const {
  if (drain_until_us_ == 0) return false;
  const bool all = spool_->empty() && (telemetry_.waiting() == 0 || !session_->open()) &&
                   (relay() == nullptr || !relay()->busy());
  if (!all && now_us < drain_until_us_) return false;
  session_->leave("it ends");
  dealer_->exchange(*session_, now_us);
  return true;
}

std::string Sidecar::metrics() const {
  Prometheus text;
  for (const auto& [id, attempt] : attempts_.all())
    text.add(collector_.values(attempt.watched),
             {{"run", id.run}, {"step", id.step}, {"attempt", std::to_string(id.attempt)}});
  text.add(collector_.network(), {});
  for (std::size_t i = 0; i < collector_.volumes().size(); ++i)
    text.add(collector_.volumes()[i], {{"path", config_.volumes[i]}});
  for (std::size_t i = 0; i < collector_.gpus().size(); ++i)
    text.add(collector_.gpus()[i], {{"gpu", std::to_string(i)}});
  const protocol::Account& account = telemetry_.account();
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  text.add("scanflow_sidecar_connected", "gauge", "the hub answers", session_->open() ? 1 : 0);
  text.add("scanflow_sidecar_samples_total", "counter", "samples taken", number(account.produced));
  text.add("scanflow_sidecar_samples_dropped_total", "counter", "samples the hub never gets",
           number(account.dropped));
  text.add("scanflow_sidecar_undelivered", "gauge",
           "results and outcomes the hub does not have yet",
           number(spool_->end() - spool_->first()));
  text.add("scanflow_sidecar_attempts", "gauge", "attempts it watches",
           number(attempts_.all().size()));
  return text.text();
}

}  // namespace scanflow::sidecar
