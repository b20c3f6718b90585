#include "engine/api/event_stream.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "engine/runtime/engine_socket.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kPage = 100;
// What a client that reads too slowly may leave lying here.
constexpr std::size_t kMostBytes = 4u << 20;
constexpr std::size_t kMostPending = 20'000;

}  // namespace

void EventStream::next(std::function<void(std::string piece)> then) {
  then_ = std::move(then);
  go_on();
}

void EventStream::go_on() {
  if (!then_) return;
  if (!out_.empty() || phase_ == Phase::over)
    return std::exchange(then_, nullptr)(std::exchange(out_, {}));
  if (reading_) return;
  if (phase_ == Phase::history && !after_) return attach();
  if (phase_ == Phase::history || phase_ == Phase::gap) read_page();
}

EventStream::Page EventStream::page_after(std::int64_t seq) const {
  Page page;
  const auto read = [&] {
    auto events = shared_.runs->events(run_, seq, kPage);
    if (!events) page.problem = events.error().message;
    if (!events) return;
    page.events = std::move(events->at("events"));
    page.last = events->at("next").is_null();
  };
  read();
  if (!page.last || !page.problem.empty()) return page;
  auto shown = shared_.runs->show(run_);
  if (!shown) page.problem = shown.error().message;
  if (!shown || shown->at("ended_us") == 0) return page;
  // It may have ended since the events were read: now they are all there.
  read();
  if (!page.last) return page;
  for (const char* name : {"created_us", "ended_us", "trigger"}) shown->erase(name);
  page.result = std::move(*shown);
  return page;
}

void EventStream::read_page() {
  reading_ = true;
  boost::asio::post(shared_.pool, [self = shared_from_this()] {
    Page page = self->page_after(self->after_.value_or(0));
    self->shared_.http.post([self, page = std::move(page)] {
      self->reading_ = false;
      self->on_page(page);
      self->go_on();
    });
  });
}

void EventStream::on_page(const Page& page) {
  if (phase_ == Phase::over) return;
  for (const json& event : page.events) {
    after_ = event.at("seq").get<std::int64_t>();
    say("event", event, *after_);
  }
  if (!page.problem.empty()) {
    say("rejected", {{"exit", 3}, {"message", page.problem}});
    return end();
  }
  if (phase_ == Phase::history) {
    if (!page.result.is_null()) {
      say("finished", page.result);
      return end();
    }
    if (page.last) attach();
    return;
  }
  if (*after_ < gap_end_ && !page.events.empty()) return;
  phase_ = Phase::live;
  for (const runtime::Update& update : std::exchange(pending_, {})) on_update(update);
}

void EventStream::attach() {
  phase_ = Phase::attaching;
  if (shared_.engine == nullptr) {
    say("closing", json::object());
    end();
    return go_on();
  }
  runtime::Client client;
  client.environment = runtime::own_environment();
  client.listener = [weak = weak_from_this(), &http = shared_.http](const runtime::Update& update) {
    if (weak.expired()) return false;
    http.post([weak, update] {
      if (const auto self = weak.lock()) self->on_update(update);
    });
    return true;
  };
  serve_request(*shared_.engine, {{"op", "attach"}, {"run", run_}}, client);
}

void EventStream::on_update(const runtime::Update& update) {
  if (phase_ == Phase::over) return;
  if (phase_ == Phase::gap) {
    pending_.push_back(update);
    if (pending_.size() >= kMostPending) drop();
    return;
  }
  const std::string type = update->at("type");
  if (type == "accepted") {
    on_accepted(*update);
  } else {
    say_live(*update);
  }
  if (type == "finished" || type == "rejected" || type == "closing") end();
  go_on();
  if (phase_ == Phase::over || out_.size() <= most_) return;
  drop();
  go_on();
}

void EventStream::drop() {
  pending_.clear();
  say("dropped", {{"message", "this client reads too slowly; ask again with Last-Event-ID"}});
  end();
}

void EventStream::on_accepted(const json& update) {
  const std::int64_t now_at = update.at("seq");
  json snapshot = update;
  snapshot.erase("type");
  say("accepted", snapshot);
  most_ = out_.size() + kMostBytes;  // the state of a large run alone is more
  if (!after_) after_ = now_at;
  gap_end_ = now_at;
  phase_ = *after_ < gap_end_ ? Phase::gap : Phase::live;
  if (phase_ == Phase::live || shared_.engine == nullptr) return;
  // They are recorded, but perhaps not committed yet.
  reading_ = true;
  shared_.engine->settle([weak = weak_from_this(), &http = shared_.http](bool) {
    http.post([weak] {
      const auto self = weak.lock();
      if (!self) return;
      self->reading_ = false;
      self->go_on();
    });
  });
}

void EventStream::say_live(const json& update) {
  const std::string type = update.at("type");
  if (type == "event" && !update.contains("seq")) return say(type, update.at("event"));
  if (type == "event") {
    const std::int64_t seq = update.at("seq");
    if (after_ && seq <= *after_) return;
    after_ = seq;
    json event = update.at("event");
    event["seq"] = seq;
    return say(type, event, seq);
  }
  if (type == "finished") return say(type, update.at("result"));
  json data = update;
  data.erase("type");
  say(type, data);
}

void EventStream::say(const std::string& event, const json& data, std::int64_t seq) {
  if (seq > 0) out_ += fmt::format("id: {}\n", seq);
  out_ += fmt::format("event: {}\ndata: {}\n\n", event,
                      data.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace scanflow::api
