#include "engine/cli/top_link.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "engine/cli/hint.hpp"
#include "engine/runtime/run_locks.hpp"

namespace scanflow::cli {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

/// For the next engine, where one has ended or is about to begin.
constexpr auto kPatience = 4s;
constexpr auto kAgain = 100ms;

bool is_engine_held(const runtime::StateDirectory& state) {
  return runtime::ProcessLock::is_held(state.engine_lock()) ||
         runtime::ProcessLock::is_held(state.server_lock());
}

}  // namespace

api::Failure TopLink::no_engine() const {
  const std::string root = state_.root.string();
  const std::string look = hint(context_, {"runs", "list"});
  if (had_one_) {
    return {
        503, kEngine,
        fmt::format("the engine of {} has ended, so nothing runs there any more; '{}' shows what "
                    "became of its runs",
                    root, look)};
  }
  return {
      400, kUsage,
      fmt::format("no engine lives in {}: nothing runs there. '{}' begins one, 'scanflow server' "
                  "keeps one, --state DIR or --server URL name another; '{}' shows what ran",
                  root, hint(context_, {"run", "FILE"}), look)};
}

bool TopLink::connect(const std::function<bool()>& goes_on) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    auto made = connect_to_look(context_, state_, [] { return false; });
    if (made && *made) {
      connection_ = std::move(*made);
      had_one_ = true;
      return true;
    }
    why_ = made ? no_engine() : made.error();
    // One that has just ended is perhaps followed by another.
    const bool may_come = had_one_ || (made && is_engine_held(state_));
    if (!may_come || !goes_on() || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kAgain);
  }
}

/// Null: the engine is gone.
runtime::Update TopLink::answer(const std::function<bool()>& goes_on) {
  while (goes_on()) {
    auto update = connection_->queue->pop(50ms);
    const std::string type = update ? update->value("type", "") : "";
    if (type == "done" || type == "rejected") return update;
    if (type == "closing") break;
  }
  return nullptr;
}

api::Answer<json> TopLink::ask(const json& request, const std::function<bool()>& goes_on) {
  // What runs is never refused by an engine that is well: it is about to end.
  const bool always_answered = request.at("op") == "top";
  std::optional<std::chrono::steady_clock::time_point> deadline;
  while (connection_ || connect(goes_on)) {
    connection_->ask(request);
    const auto said = answer(goes_on);
    if (said && said->at("type") == "done") return *said;
    why_ = said ? api::Failure{400, said->value("exit", static_cast<int>(kEngine)),
                               said->value("message", "")}
                : no_engine();
    if (said && !always_answered) break;
    connection_.reset();
    const auto now = std::chrono::steady_clock::now();
    if (!deadline) deadline = now + kPatience;
    if (!goes_on() || now > *deadline) break;
    std::this_thread::sleep_for(kAgain);
  }
  return tl::unexpected(why_);
}

TopSource::TopSource(TopLink link, std::chrono::milliseconds every)
    : link_(std::move(link)),
      every_(every),
      filled_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

TopSource::~TopSource() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TopSource::ask(json request, std::string about) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back({std::move(request), std::move(about)});
  }
  changed_.notify_all();
}

std::vector<TopSource::News> TopSource::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(filled_.get(), &count, sizeof count);
  return std::exchange(news_, {});
}

void TopSource::tell(News news) {
  const std::lock_guard lock(mutex_);
  news_.push_back(std::move(news));
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(filled_.get(), &one, sizeof one);
}

bool TopSource::ended() {
  const std::lock_guard lock(mutex_);
  return end_;
}

void TopSource::run() {
  const auto goes_on = [this] { return !ended(); };
  for (;;) {
    Wanted next{{{"op", "top"}}, ""};
    {
      std::unique_lock lock(mutex_);
      if (end_) return;
      if (!wanted_.empty()) {
        next = std::move(wanted_.front());
        wanted_.pop_front();
      }
    }
    const bool of_what_runs = next.about.empty();
    auto answer = link_.ask(next.request, goes_on);
    News news;
    news.about = std::move(next.about);
    if (answer) {
      news.answer = std::move(*answer);
    } else {
      news.problem = answer.error();
      news.over = link_.gone();
    }
    const bool over = news.over;
    tell(std::move(news));
    if (over) return;
    std::unique_lock lock(mutex_);
    // Of what was asked it is seen at once what it did.
    if (of_what_runs) changed_.wait_for(lock, every_, [this] { return end_ || !wanted_.empty(); });
  }
}

}  // namespace scanflow::cli
