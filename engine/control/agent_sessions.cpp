#include "engine/control/agent_sessions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "sdk/base/uuid.hpp"

namespace scanflow::control {
namespace {

constexpr std::size_t kMostText = 2000;  // of what a process says for people

tl::unexpected<Refusal> stale() {
  return tl::unexpected(
      Refusal{Refusal::Why::stale,
              "the session is over: its process said nothing for as long as its lease "
              "lasts, another one has the agent, or the server has started anew; "
              "begin another session"});
}

/// Those of the process, of rules that there are: it may say anything.
json shown_rule(const pipeline::AgentRule& rule, const std::vector<json>& told) {
  json row = {{"name", rule.name},
              {"trigger", rule.on.uses},
              {"strategy", rule.strategy ? rule.strategy->uses : "rules"},
              {"mode", to_text(rule.guard.mode)},
              {"fired", 0U},
              {"decided", 0U},
              {"last_us", 0},
              {"next_us", 0},
              {"problem", ""}};
  for (const json& each : told) {
    if (each.value("name", json()) != rule.name) continue;
    for (const char* name : {"fired", "decided", "last_us", "next_us"})
      if (const json number = each.value(name, json()); number.is_number_unsigned())
        row[name] = number;
    if (const json problem = each.value("problem", json()); problem.is_string())
      row["problem"] = problem.get<std::string>().substr(0, kMostText);
  }
  return row;
}

}  // namespace

AgentSessions::AgentSessions(Options options, Ledger& ledger, Actor& actor,
                             boost::asio::thread_pool& writing)
    : name_(options.agent.spec->name_space + "/" + options.agent.spec->name),
      ledger_(ledger),
      actor_(actor),
      writing_(writing),
      options_(std::move(options)),
      paused_(options_.agent.paused) {}

void AgentSessions::take(Options options) {
  const std::lock_guard working(working_mutex_);
  const std::uint32_t version = options.version;
  {
    const std::lock_guard lock(mutex_);
    std::swap(options_, options);  // what it had may take a while to end
  }
  push({{"type", "applied"}, {"version", version}});
}

/// Under the mutex.
bool AgentSessions::is_held() const {
  return session_ && options_.monotonic() < session_->until_us;
}

Allowed<json> AgentSessions::open(const json& who) {
  const std::lock_guard working(working_mutex_);
  end_lapsed();
  const std::lock_guard lock(mutex_);
  if (ended_) return stale();
  if (session_)
    return tl::unexpected(Refusal{
        Refusal::Why::held, fmt::format("agent {} runs at {} (process {}), which has its lease",
                                        name_, session_->host, session_->pid)});
  Session next;
  next.id = uuid_v7(options_.agent.clock() / 1000);
  next.host = who.value("host", "").substr(0, 255);
  next.pid = who.value("pid", std::int64_t{0});
  next.since_us = options_.agent.clock();
  next.until_us = options_.monotonic() + kLeaseUs;
  next.version = options_.version;
  next.spec = options_.agent.spec;
  next.watches = options_.watches;
  session_ = std::move(next);
  options_.agent.log(
      fmt::format("agent {} runs at {} (process {})", name_, session_->host, session_->pid));
  return json{{"session", session_->id},
              {"version", options_.version},
              {"paused", paused_},
              {"now_us", session_->since_us},
              {"lease_us", kLeaseUs}};
}

Allowed<void> AgentSessions::know(const std::string& session) {
  const std::lock_guard lock(mutex_);
  if (ended_ || !session_ || session_->id != session) return stale();
  if (!is_held()) {
    end_soon();
    return stale();
  }
  session_->until_us = options_.monotonic() + kLeaseUs;
  return {};
}

Allowed<json> AgentSessions::call(const std::string& session, const json& asked) {
  const auto op = calls().find(asked.value("op", ""));
  if (op == calls().end())
    return tl::unexpected(Refusal{Refusal::Why::wrong,
                                  fmt::format("a session has no op '{}'", asked.value("op", ""))});
  const std::lock_guard working(working_mutex_);
  if (auto known = know(session); !known) return tl::unexpected(known.error());
  try {
    return (this->*op->second)(asked);
  } catch (const std::exception& error) {  // of what is asked: a value is missing, or another one
    return tl::unexpected(
        Refusal{Refusal::Why::wrong, fmt::format("{}: {}", op->first, error.what())});
  }
}

Allowed<json> AgentSessions::close(const std::string& session) {
  const std::lock_guard working(working_mutex_);
  if (auto known = know(session); !known) return tl::unexpected(known.error());
  drop("has given its lease back");
  return json::object();
}

void AgentSessions::end() {
  const std::lock_guard working(working_mutex_);
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  drop("is not to run it any more");
}

/// Under the mutex: whoever notices may hold what it takes to end a watch.
void AgentSessions::end_soon() {
  if (std::exchange(session_->ends, true)) return;
  boost::asio::post(writing_, [self = weak_from_this()] {
    const auto there = self.lock();
    if (!there) return;
    const std::lock_guard working(there->working_mutex_);
    there->end_lapsed();
  });
}

/// Under the working mutex.
void AgentSessions::end_lapsed() {
  {
    const std::lock_guard lock(mutex_);
    if (!session_ || is_held()) return;
  }
  drop("has said nothing for as long as its lease lasts");
}

/// The session is over. Under the working mutex.
void AgentSessions::drop(const std::string& why) {
  std::function<void()> tell, unwatch;
  {
    const std::lock_guard lock(mutex_);
    if (!session_) return;
    options_.agent.log(
        fmt::format("agent {}: {} (process {}) {}", name_, session_->host, session_->pid, why));
    tell = answer_news();
    session_.reset();
    if (admission_) admission_->answer.set_value({});
    admission_.reset();
    unwatch = options_.unwatch;
  }
  if (tell) tell();
  unwatch();
}

// --- news

/// Under the mutex: whoever waits is to be told, by what this gives, without it.
std::function<void()> AgentSessions::answer_news() {
  if (!session_->then) return {};
  json news = json::array();
  for (const auto& [number, item] : session_->news) news.push_back(item);
  return [then = std::exchange(session_->then, {}), told = json{{"news", std::move(news)}}] {
    then(told);
  };
}

void AgentSessions::push(json item) {
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex_);
    if (!session_) return;
    if (!is_held()) return end_soon();
    Session& to = *session_;
    const std::uint64_t number = ++to.number;
    if (item.at("type") == "happened")  // one says it; the one before may be on its way
      to.news.erase(std::exchange(to.happened, number));
    if (item.at("type") == "sample") {
      to.samples.push_back(number);
      if (to.samples.size() > kMostSamples) {
        to.news.erase(to.samples.front());
        to.samples.pop_front();
      }
    }
    item["number"] = number;
    to.news.emplace(number, std::move(item));
    tell = answer_news();
  }
  if (tell) tell();
}

std::uint64_t AgentSessions::news(const std::string& session, const json& asked,
                                  std::function<void(Allowed<json>)> then) {
  if (auto known = know(session); !known) {
    then(tl::unexpected(known.error()));
    return 0;
  }
  const json rules = asked.value("rules", json::array());
  const json after = asked.value("after", json(0));
  const json problem = asked.value("problem", json(""));
  std::function<void()> tell, before;
  std::uint64_t waiting = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!session_ || session_->id != session) {
      tell = [then] { then(stale()); };
    } else {
      Session& to = *session_;
      const std::uint64_t heard = after.is_number_unsigned() ? after.get<std::uint64_t>() : 0;
      to.news.erase(to.news.begin(), to.news.upper_bound(heard));
      while (!to.samples.empty() && to.samples.front() <= heard) to.samples.pop_front();
      if (rules.is_array()) to.rules.assign(rules.begin(), rules.end());
      std::erase_if(to.rules, [](const json& each) { return !each.is_object(); });
      if (problem.is_string()) to.problem = problem.get<std::string>().substr(0, kMostText);
      before = answer_news();  // asked twice: the answer to the first was lost
      to.then = std::move(then);
      waiting = to.waiting = ++waits_;
      if (!to.news.empty()) tell = answer_news();
    }
  }
  if (before) before();
  if (tell) tell();
  return waiting;
}

void AgentSessions::hush(std::uint64_t waiting) {
  std::function<void()> tell;
  {
    const std::lock_guard lock(mutex_);
    if (session_ && session_->waiting == waiting) tell = answer_news();
  }
  if (tell) tell();
}

// --- RunningAgent

void AgentSessions::pause(bool paused) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(paused_, paused) == paused) return;
  }
  push({{"type", "paused"}, {"paused", paused}});
}

void AgentSessions::answered(const std::string& decision) {
  push({{"type", "answered"}, {"decision", decision}});
}

Result<std::vector<DecidedAction>> AgentSessions::admit(const json& request,
                                                        std::chrono::milliseconds patience) {
  const std::unique_lock one(admitting_mutex_, patience);
  if (!one.owns_lock())
    return fail(fmt::format("agent {} is asked about too many runs at once", name_));
  std::future<std::vector<DecidedAction>> answer;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || paused_) return std::vector<DecidedAction>();
    if (!is_held()) return fail(fmt::format("agent {} waits for its process", name_));
    number = ++admissions_;
    admission_ = Admission();
    admission_->number = number;
    answer = admission_->answer.get_future();
  }
  push({{"type", "submitted"}, {"submission", number}, {"request", request}});
  if (answer.wait_for(patience) == std::future_status::ready) return answer.get();
  const std::lock_guard lock(mutex_);
  admission_.reset();
  return fail(fmt::format("agent {} did not decide within {} ms", name_, patience.count()));
}

json AgentSessions::rules() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const pipeline::AgentRule& each : options_.agent.spec->rules)
    rows.push_back(shown_rule(each, is_held() ? session_->rules : std::vector<json>()));
  return rows;
}

json AgentSessions::run_by() {
  const std::lock_guard lock(mutex_);
  if (session_ && !is_held()) end_soon();
  if (!is_held() || session_->rules.empty()) return nullptr;
  return {{"host", session_->host}, {"pid", session_->pid}, {"since_us", session_->since_us}};
}

std::string AgentSessions::problem() const {
  const std::lock_guard lock(mutex_);
  return is_held() ? session_->problem : "";
}

}  // namespace scanflow::control
