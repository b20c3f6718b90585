#include "engine/api/agent_process.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <utility>

#include "engine/control/session_messages.hpp"
#include "engine/pipeline/agent_reader.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::api {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStandBy{1000};      // between two looks whether the lease is free
constexpr milliseconds kAdmitWithin{5000};  // as the server waits
constexpr std::int64_t kReadVersionAgainUs =
    10'000'000;  // a version that cannot be read: its plugins may come

}  // namespace

struct AgentProcess::Served {
  Served(const Options& options, const std::string& target)
      : link(options.client, target, options.log), memory(link), actor(link) {}

  AgentLink link;
  RemoteMemory memory;
  RemoteActor actor;
  std::int64_t ahead_us = 0;  // of the server's clock
  std::uint64_t news = 0;     // the number of the newest that was taken
  std::uint32_t version = 0, wanted = 0;
  std::int64_t read_again_us = 0;
  std::string problem;
  bool paused = false;
  std::mutex mutex;  // of what follows
  std::map<std::uint64_t, control::AgentRunner::TakeSample> watches;
  std::uint64_t watched = 0;
  boost::asio::thread_pool asking{1};            // what waits for rules on `submit`
  std::shared_ptr<control::AgentRunner> runner;  // of the thread that serves, and of finish()
};

/// False: it is to end.
bool AgentProcess::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return ending_; });
}

Answer<void> AgentProcess::run() {
  const std::string target =
      fmt::format("/api/v1/agents/{}/{}/sessions", options_.name_space, options_.name);
  bool stands_by = false;
  while (wait(milliseconds(0))) {
    const std::int64_t asked_us = wall_us();
    auto opened = AgentLink::open(options_.client, target);
    if (opened) {
      patience_.there();
      stands_by = false;
      (*opened)["ahead_us"] = opened->at("now_us").get<std::int64_t>() - (asked_us + wall_us()) / 2;
      if (auto served = serve(*opened); !served) return served;
      continue;
    }
    const Failure& failure = opened.error();
    if (failure.status == 404 && ran_) {
      options_.log(fmt::format("agent {} ends: it was deleted", whole_name()));
      return {};
    }
    if (failure.status == 404)
      return tl::unexpected(Failure{
          404, 2,
          failure.message + ": 'scanflow agent list' shows those that there are, 'scanflow apply "
                            "-f FILE' registers one"});
    if (failure.status == 409) {  // it has just ended: another one begins, or it was deleted
      wait(kStandBy);
    } else if (failure.status == 423) {
      patience_.there();
      if (!std::exchange(stands_by, true)) options_.log(failure.message + "; this one stands by");
      wait(kStandBy);
    } else if (failure.status / 100 == 4) {
      return tl::unexpected(failure);
    } else {
      wait(patience_.away(failure.message));
    }
  }
  return {};
}

void AgentProcess::end() {
  std::shared_ptr<Served> served;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    served = served_;
    changed_.notify_all();
  }
  if (served) served->link.give_up();  // first: whoever waits for a server has the other mutex
  finish();
}

/// The session, if there is one: states are kept, and the lease is given back.
void AgentProcess::finish() {
  const std::lock_guard one(finishing_mutex_);
  std::shared_ptr<Served> served;
  {
    const std::lock_guard lock(mutex_);
    served = std::exchange(served_, nullptr);
  }
  if (!served) return;
  served->link.give_up();
  if (served->runner) served->runner->end();
  served->asking.join();
  served->link.close();
}

/// Checked against the plugins of this machine.
Answer<AgentProcess::Read> AgentProcess::read(std::uint32_t version) const {
  const auto document =
      options_.client.json_of({.target = fmt::format("/api/v1/documents/Agent/{}/{}?version={}",
                                                     options_.name_space, options_.name, version)});
  if (!document) return tl::unexpected(document.error());
  auto catalog = options_.catalog();
  if (!catalog) return wrong(catalog.error().message);
  Read made;
  made.catalog = std::make_shared<const loader::Catalog>(std::move(*catalog));
  const std::string source = document->at("source");
  const auto read =
      pipeline::read_agent(document->at("file"), source, *made.catalog, options_.name_space);
  if (!read.agent)
    return wrong(fmt::format(
        "agent {}@{} cannot be run on this machine, whose plugins it is checked against:\n{}"
        "--plugin-dir DIR and $SCANFLOW_PLUGIN_PATH say where others are",
        whole_name(), version, pipeline::render(read.errors, source)));
  made.agent = read.agent;
  return made;
}

/// Until the session is over.
Answer<void> AgentProcess::serve(const json& opened) {
  const std::string session = opened.at("session");
  const auto served = std::make_shared<Served>(
      options_,
      fmt::format("/api/v1/agents/{}/{}/sessions/{}", options_.name_space, options_.name, session));
  served->ahead_us = opened.at("ahead_us");
  served->version = served->wanted = opened.at("version");
  served->paused = opened.at("paused");
  auto document = read(served->version);
  if (!document) {
    served->link.close();
    if (document.error().status != 400 || ran_) {  // the server went away, or it may come right
      wait(patience_.away(document.error().message));
      return {};
    }
    return tl::unexpected(document.error());
  }
  {
    const std::lock_guard lock(mutex_);
    if (ending_) {
      served->link.close();
      return {};
    }
    served_ = served;
  }
  ran_ = true;
  {
    const std::lock_guard one(finishing_mutex_);
    if (!served->link.is_silent()) begin(*served, std::move(*document), served->paused);
  }
  follow(*served);
  finish();
  return {};
}

void AgentProcess::begin(Served& served, Read read, bool paused) {
  control::AgentRunner::Options how;
  how.spec = std::move(read.agent);
  how.catalog = std::move(read.catalog);
  how.worker = options_.worker;
  how.paused = paused;
  how.clock = [ahead_us = served.ahead_us] { return wall_us() + ahead_us; };
  how.log = options_.log;
  how.evaluate = [&served](const std::string& expression, const json& event) -> Result<json> {
    const auto answer =
        served.link.ask({{"op", "evaluate"}, {"expression", expression}, {"event", event}});
    if (!answer) return tl::unexpected(answer.error());
    if (answer->contains("problem")) return fail(answer->at("problem").get<std::string>());
    return answer->value("value", json());
  };
  how.watching = [this, &served](const json& what, const control::AgentRunner::TakeSample& take) {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(served.mutex);
      number = ++served.watched;
      served.watches[number] = take;
    }
    if (what.at("source") == "events") return;  // they are read, not told
    const auto watched = served.link.ask({{"op", "watch"}, {"watch", number}, {"what", what}});
    if (!watched && !served.link.is_silent()) options_.log(watched.error().message);
  };
  served.runner =
      std::make_shared<control::AgentRunner>(std::move(how), served.memory, served.actor);
  options_.log(fmt::format("agent {}@{} looks after things, for {}", whole_name(), served.version,
                           options_.client.url()));
}

void AgentProcess::follow(Served& served) {
  while (!served.link.is_silent()) {
    const auto answer = served.link.ask({{"op", "news"},
                                         {"after", served.news},
                                         {"rules", served.runner->rules()},
                                         {"problem", served.problem}});
    if (!answer) {
      if (served.link.is_over()) options_.log(answer.error().message);
      return;
    }
    for (const json& each : answer->at("news")) {
      const std::uint64_t number = each.at("number");
      if (number <= served.news) continue;
      served.news = number;
      take(served, each);
    }
    if (served.wanted != served.version && monotonic_us() >= served.read_again_us)
      take_version(served);
  }
}

void AgentProcess::take(Served& served, const json& news) {
  const std::string type = news.at("type");
  if (type == "happened") {
    served.runner->look();
  } else if (type == "sample") {
    control::AgentRunner::TakeSample tell;
    {
      const std::lock_guard lock(served.mutex);
      if (const auto found = served.watches.find(news.at("watch")); found != served.watches.end())
        tell = found->second;
    }
    if (tell) tell(news.at("sample"));
  } else if (type == "outcome") {
    served.actor.ended(news.at("order"), control::outcome_from_json(news.at("outcome")));
  } else if (type == "answered") {
    served.runner->answered(news.at("decision"));
  } else if (type == "paused") {
    served.paused = news.at("paused");
    served.runner->pause(served.paused);
    options_.log(fmt::format("agent {} {}", whole_name(), served.paused ? "is paused" : "goes on"));
  } else if (type == "applied") {
    served.wanted = news.at("version");
    served.read_again_us = 0;
  } else if (type == "submitted") {
    boost::asio::post(served.asking, [&served, runner = served.runner, news] {
      // What it decides it has committed.
      (void)runner->admit(news.at("request"), kAdmitWithin, news.at("submission"));
      (void)served.link.ask({{"op", "admitted"}, {"submission", news.at("submission")}});
    });
  }
}

/// The version before goes on where the new one cannot be read.
void AgentProcess::take_version(Served& served) {
  auto document = read(served.wanted);
  if (!document) {
    if (std::exchange(served.problem, document.error().message) != document.error().message)
      options_.log(served.problem);
    served.read_again_us = monotonic_us() + kReadVersionAgainUs;
    return;
  }
  const std::lock_guard one(finishing_mutex_);
  const auto begun = served.link.ask({{"op", "begin"}, {"version", served.wanted}});
  if (!begun) return;  // another one is the newest by now: that is news; or the session is over
  served.problem.clear();
  served.runner->end();
  {
    const std::lock_guard lock(served.mutex);
    served.watches.clear();
  }
  served.version = served.wanted;
  begin(served, std::move(*document), served.paused);
}

}  // namespace scanflow::api
