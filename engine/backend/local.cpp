#include "engine/backend/local.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "engine/backend/in_process_step.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::backend {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

// Acknowledgements wait for something to travel with, at most so long.
constexpr std::chrono::milliseconds kLazy{50};
// How long a supervisor that was told to end is waited for, and one whose connection broke.
constexpr int kEndMs = 2000;
constexpr int kDeathMs = 500;
// How long the last words to it may take.
constexpr std::int64_t kLastWordsUs = 1'000'000;
constexpr int kPollMs = 100;
// Reconnects in a row to a supervisor that lives but closes the connection.
constexpr int kMaxDisconnects = 5;

protocol::Ended ended(const protocol::AttemptId& id, const std::string& cause,
                      const std::string& message) {
  protocol::Ended report;
  report.result.id = id;
  report.result.status = cause == "cancelled" ? "cancelled" : "failed";
  report.result.cause = cause;
  report.result.message = message;
  report.result.started_us = report.result.ended_us = wall_us();
  return report;
}

}  // namespace

LocalBackend::LocalBackend(const Options& options, boost::asio::io_context& strand, Sink sink)
    : options_(options),
      sink_(std::move(sink)),
      strand_(strand),
      supervisor_(options),
      socket_(strand),
      acknowledge_timer_(strand) {}

LocalBackend::~LocalBackend() {
  if (starter_.joinable()) starter_.join();
  if (!connected()) return;
  queue_acknowledgements();
  const bool idle = in_flight_.empty();
  if (idle) stream_.queue(protocol::Shutdown{});
  const std::int64_t deadline_us = monotonic_us() + kLastWordsUs;
  while (stream_.flush(fd()) == protocol::Flow::open && stream_.pending() &&
         monotonic_us() < deadline_us) {
    pollfd wait{fd(), POLLOUT, 0};
    ::poll(&wait, 1, kPollMs);
  }
  if (idle && unacknowledged_.empty()) supervisor_.fate(kEndMs);
}

void LocalBackend::get_ready() { connect(); }

void LocalBackend::survey() {
  surveyed_ = true;
  if (greeted_ || (!connected() && !starting_ && !open())) tell_strays();
}

void LocalBackend::tell_strays() {
  if (surveyed_) deliver({Strays{{strays_.begin(), strays_.end()}}});
}

void LocalBackend::observe(const std::string& hub) {
  hub_ = hub;
  send(protocol::Observe{hub});
}

void LocalBackend::launch(std::vector<RequestPtr> requests) {
  if (std::vector<Report> reports = run_noops(requests); !reports.empty())
    sink_(std::move(reports));
  if (requests.empty()) return;
  for (RequestPtr& request : requests) {
    if (connected()) stream_.queue(protocol::Launch{*request});
    const Id id = request->id;
    strays_.erase(id);
    in_flight_[id].request = std::move(request);
  }
  if (connected()) {
    flush();
  } else {
    connect();
  }
}

void LocalBackend::stop(const protocol::AttemptId& id, const std::string& reason) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  found->second.stop = reason.empty() ? "cancelled" : reason;
  send(protocol::Cancel{id, found->second.stop});
}

void LocalBackend::acknowledge(const protocol::AttemptId& id) {
  if (unacknowledged_.erase(id) == 0) return;  // a noop: the supervisor never had it
  acknowledgements_.push_back(id);
  arm_acknowledgements();
}

void LocalBackend::forget(const std::vector<protocol::AttemptId>& ids) {
  acknowledgements_.insert(acknowledgements_.end(), ids.begin(), ids.end());
  if (!connected() && !starting_) open();  // where there is a supervisor
  arm_acknowledgements();
}

void LocalBackend::reply(const protocol::HostReply& reply) {
  // Without a connection it is asked again: the supervisor keeps the question.
  send(reply);
}

// --- the connection

void LocalBackend::send(protocol::Body body) {
  if (!connected()) return;
  stream_.queue(std::move(body));
  flush();
}

void LocalBackend::queue_acknowledgements() {
  for (const Id& id : std::exchange(acknowledgements_, {}))
    stream_.queue(protocol::Acknowledge{id});
}

void LocalBackend::flush() {
  queue_acknowledgements();
  stream_.flush(fd());  // a closed socket is met when it is read
  if (!stream_.pending() || std::exchange(writing_, true)) return;
  socket_.async_wait(Descriptor::wait_write, guarded([this] {
                       writing_ = false;
                       if (connected()) flush();
                     }));
}

void LocalBackend::arm_acknowledgements() {
  if (std::exchange(acknowledge_armed_, true)) return;
  acknowledge_timer_.expires_after(kLazy);
  acknowledge_timer_.async_wait(guarded([this] {
    acknowledge_armed_ = false;
    if (connected() && !acknowledgements_.empty()) flush();
  }));
}

void LocalBackend::wait_readable() {
  const auto same = [this, connection = connection_] {
    return connected() && connection == connection_;
  };
  socket_.async_wait(Descriptor::wait_read, guarded([this, same] {
                       if (same()) read();
                       if (same()) wait_readable();  // not where read() has made a new connection
                     }));
}

/// To the supervisor that is there, else to a new one.
void LocalBackend::connect() {
  if (!connected() && !starting_ && !open()) start();
}

bool LocalBackend::open() {
  const int descriptor = supervisor_.connect();
  if (descriptor < 0) return false;
  socket_.assign(descriptor);
  ++connection_;
  greet();
  wait_readable();
  return true;
}

/// It takes milliseconds, which the strand has better use for.
void LocalBackend::start() {
  starting_ = true;
  if (starter_.joinable()) starter_.join();  // it has ended: starting_ was false
  starter_ = std::thread([this, alive = std::weak_ptr<int>(alive_)] {
    boost::asio::post(strand_, [this, alive, started = supervisor_.start()] {
      if (!alive.expired()) on_started(started);
    });
  });
}

void LocalBackend::on_started(const Result<void>& started) {
  starting_ = false;
  // Also where it did not start: one that an engine started which died meanwhile keeps it from that.
  if (open()) return;
  const bool missing = ::access(options_.worker.c_str(), X_OK) != 0;
  give_up(missing ? "config" : "lost",
          started ? "the supervisor ended as soon as it had started" : started.error().message);
}

/// Says Hello on a new connection, and all that the supervisor must know.
void LocalBackend::greet() {
  greeted_ = false;
  writing_ = false;
  stream_ = protocol::Stream();
  protocol::Hello hello;
  hello.role = "engine";
  hello.pid = ::getpid();
  stream_.queue(std::move(hello));
  if (!hub_.empty()) stream_.queue(protocol::Observe{hub_});
  // A supervisor that has an attempt already says so, instead of starting it again.
  for (const auto& [id, attempt] : in_flight_) {
    stream_.queue(protocol::Launch{*attempt.request});
    if (!attempt.stop.empty()) stream_.queue(protocol::Cancel{id, attempt.stop});
  }
  flush();
}

// --- what the supervisor says

void LocalBackend::read() {
  const bool closed = stream_.fill(fd()) == protocol::Flow::closed;
  std::vector<Report> reports;
  std::string broken;
  for (;;) {
    auto message = stream_.next();
    if (!message) broken = message.error().message;
    if (!message || !*message) break;
    if (auto* reject = std::get_if<protocol::Reject>(&(*message)->body)) broken = reject->reason;
    handle((*message)->body, reports);
  }
  deliver(std::move(reports));
  if (!broken.empty()) {
    return give_up("lost",
                   fmt::format("the supervisor and this engine do not understand each other: {}; "
                               "is it of another version? End its process (see {}/supervisor.log)",
                               broken, options_.state_directory));
  }
  if (closed) on_closed();
}

void LocalBackend::deliver(std::vector<Report> reports) {
  if (!reports.empty()) sink_(std::move(reports));
}

void LocalBackend::handle(protocol::Body& body, std::vector<Report>& reports) {
  if (const auto* hello = std::get_if<protocol::Hello>(&body)) {
    greeted_ = true;
    for (const Id& id : hello->kept) {
      if (!in_flight_.contains(id) && !unacknowledged_.contains(id)) reports.emplace_back(Kept{id});
    }
    strays_.clear();
    for (const Id& id : hello->running) {
      if (!in_flight_.contains(id)) strays_.insert(id);
    }
    return tell_strays();
  }
  disconnects_ = 0;
  if (auto* report = std::get_if<protocol::Ended>(&body)) {
    if (strays_.erase(report->result.id) > 0) return tell_strays();
    if (in_flight_.erase(report->result.id) == 0) return;  // said already
    unacknowledged_.insert(report->result.id);
    reports.emplace_back(std::move(*report));
  } else if (auto* started = std::get_if<protocol::Started>(&body)) {
    reports.emplace_back(std::move(*started));
  } else if (auto* progress = std::get_if<protocol::Progress>(&body)) {
    reports.emplace_back(std::move(*progress));
  } else if (auto* metric = std::get_if<protocol::Metric>(&body)) {
    reports.emplace_back(std::move(*metric));
  } else if (auto* call = std::get_if<protocol::HostCall>(&body)) {
    reports.emplace_back(std::move(*call));
  }
}

void LocalBackend::on_closed() {
  socket_.close();
  ++disconnects_;
  // It was about to end when this engine came: nothing was handed over, and a new one is started.
  const bool refused = !greeted_ && disconnects_ <= kMaxDisconnects;
  greeted_ = false;
  if (refused && in_flight_.empty()) return tell_strays();
  if (refused) return connect();
  if (disconnects_ <= kMaxDisconnects && open()) return;
  const std::string fate = supervisor_.fate(kDeathMs);
  give_up("lost", fmt::format("the supervisor of this machine's attempts {}; they are lost with it",
                              fate.empty() ? "is gone" : fate));
}

void LocalBackend::give_up(const std::string& cause, const std::string& why) {
  socket_.close();
  greeted_ = false;
  strays_.clear();
  tell_strays();
  disconnects_ = 0;
  acknowledgements_.clear();
  unacknowledged_.clear();
  std::vector<Report> reports;
  for (const auto& [id, attempt] : std::exchange(in_flight_, {})) {
    reports.emplace_back(ended(id, cause, why));
  }
  deliver(std::move(reports));
}

std::unique_ptr<Backend> make_local(const Options& options, boost::asio::io_context& strand,
                                    Sink sink) {
  return std::make_unique<LocalBackend>(options, strand, std::move(sink));
}

}  // namespace scanflow::backend
