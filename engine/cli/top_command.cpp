#include "engine/cli/top_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <optional>
#include <utility>

#include "engine/cli/application_view.hpp"
#include "engine/cli/screen.hpp"
#include "engine/cli/top_link.hpp"
#include "engine/cli/top_view.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::int64_t kRatesUs = 10'000'000;  // what a rate is of
constexpr std::int64_t kLeastStaleUs = 3'000'000;
constexpr const char* kServerTimeout = "5s";  // the view waits no longer, unless it is told to

/// What the engine said, the oldest first, as far back as rates need.
class Documents {
 public:
  void add(json top) {
    documents_.push_back(std::move(top));
    const std::int64_t newest = time_of(documents_.back());
    while (documents_.size() > 2 && newest - time_of(documents_[1]) >= kRatesUs)
      documents_.pop_front();
  }
  std::vector<KeptPod> kept() const { return kept_pods(documents_.back()); }
  std::vector<TopRow> rows(TopSort sort) const {
    return top_rows(documents_.back(), documents_.size() > 1 ? documents_.front() : json(), sort);
  }

 private:
  static std::int64_t time_of(const json& top) { return top.at("time_us"); }
  std::deque<json> documents_;
};

int print_once(const Context& context, const json& top) {
  if (context.json) {
    fmt::print("{}\n", top.dump());
    return kSucceeded;
  }
  const auto rows = top_rows(top, json(), TopSort::cpu);
  const auto kept = kept_pods(top);
  const std::size_t width = table_width(STDOUT_FILENO);
  const std::string waiting = waiting_lines(top);
  fmt::print("{}\n{}{}{}{}{}{}", top_summary(rows, kept), rows.empty() ? "" : "\n",
             top_table(rows, width), kept.empty() ? "" : "\n", kept_table(kept, width),
             waiting.empty() ? "" : "\n", waiting);
  return kSucceeded;
}

class View {
 public:
  View(std::string place, TopLink link, std::int64_t every_us, const json& first)
      : place_(std::move(place)),
        every_us_(every_us),
        source_(std::move(link), std::chrono::milliseconds(every_us / 1000)) {
    documents_.add(first);
  }

  /// Gives how it ended: nothing where the user left.
  std::optional<api::Failure> show(Screen& screen) {
    while (!over_ && !left_) {
      rows_ = documents_.rows(state_.sort);
      keep_selected(state_, rows_);
      const TopScreen size = size_now();
      const auto kept = documents_.kept();
      screen.draw(top_lines(rows_, kept, state_, place_, stale_us(), size));
      const Screen::Event event = screen.wait(source_.fd(), 1s);
      for (TopSource::News& news : source_.take()) take(std::move(news));
      for (const KeyPress& key : event.keys.empty() ? keys_.flush() : keys_.take(event.keys)) {
        do_action(press(state_, key, rows_, page_of(size, kept.size())));
        rows_ = documents_.rows(state_.sort);
        keep_selected(state_, rows_);
      }
      left_ = left_ || event.end != 0;
    }
    return over_;
  }

 private:
  static TopScreen size_now() {
    return {static_cast<std::size_t>(terminal_width(STDOUT_FILENO)),
            static_cast<std::size_t>(terminal_height(STDOUT_FILENO)), use_color(STDOUT_FILENO),
            letters_of_environment()};
  }
  std::int64_t stale_us() const {
    const std::int64_t age = monotonic_us() - heard_us_;
    return age > std::max(3 * every_us_, kLeastStaleUs) ? age : 0;
  }

  void take(TopSource::News news) {
    if (news.over) {
      over_ = std::move(news.problem);
    } else if (news.answer.is_null()) {
      state_.status = (news.about.empty() ? "" : news.about + ": ") + news.problem.message;
      state_.trouble = true;
    } else if (news.answer.contains("top")) {
      heard_us_ = monotonic_us();
      // Below the rest, while nothing else is said there.
      if (std::string waits = waiting_summary(news.answer["top"]); state_.status == waits_)
        state_.status = waits_ = std::move(waits);
      documents_.add(std::move(news.answer["top"]));
      follow_awaited(state_, documents_.rows(state_.sort));
    } else if (news.answer.contains("command")) {
      state_.awaited = news.answer["command"].value("id", "");
      state_.of = news.about;
    } else {
      state_.status = news.about + ": asked";
    }
  }

  void do_action(const TopAction& action) {
    if (action.kind == TopAction::Kind::quit) left_ = true;
    if (action.kind == TopAction::Kind::primitive) {
      ask(fmt::format("{} of {}", action.primitive, action.step),
          {{"op", "primitive"},
           {"run", action.run},
           {"step", action.step},
           {"primitive", action.primitive},
           {"arguments", json::object()},
           {"by", user_name()},
           {"id", uuid_v7(wall_us() / 1000)},
           {"wait", false}});
    }
    if (action.kind == TopAction::Kind::cancel)
      ask("cancelling run " + short_id(action.run), {{"op", "cancel"}, {"run", action.run}});
  }

  void ask(const std::string& about, json request) {
    state_.status = about + " ...";
    state_.trouble = false;
    state_.awaited.clear();
    source_.ask(std::move(request), about);
  }

  const std::string place_;
  const std::int64_t every_us_;
  TopState state_;
  KeyReader keys_;
  Documents documents_;
  std::vector<TopRow> rows_;
  std::string waits_;  // that was said of quotas
  std::int64_t heard_us_ = monotonic_us();
  std::optional<api::Failure> over_;
  bool left_ = false;
  TopSource source_;
};

}  // namespace

int top(const Context& given, const TopOptions& options) {
  Context context = given;
  if (context.server_timeout.empty()) context.server_timeout = kServerTimeout;
  const auto every = parse_duration(options.every);
  if (!every) return complain(context, kUsage, "--every: " + every.error().message);
  if (*every < 100'000) return complain(context, kUsage, "--every: it must be 100ms or more");
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const bool live = !options.once && !context.json && Screen::possible();
  const auto signals = live ? Signals::take() : Result<Signals>(Signals());
  if (!signals) return complain(context, kEngine, signals.error().message);

  TopLink link(context, *state);
  const auto first = link.ask({{"op", "top"}}, [&] { return !live || signals->next() == 0; });
  if (!first) return complain(context, first.error());
  if (!live) return print_once(context, first->at("top"));
  const std::string place = context.server.empty() ? state->root.string() : context.server;
  auto screen = Screen::open(*signals);
  if (!screen) return complain(context, kEngine, screen.error().message);
  View view(place, std::move(link), *every, first->at("top"));
  const auto end = view.show(**screen);
  screen->reset();  // before the view's thread has its last answer
  return end ? complain(context, *end) : kSucceeded;
}

}  // namespace scanflow::cli
