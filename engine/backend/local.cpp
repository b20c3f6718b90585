#include "engine/backend/local.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

#include "engine/backend/in_process_step.hpp"

namespace scanflow::backend {
namespace {

constexpr std::chrono::seconds kListPatience{5};
// Acknowledgements wait for something to travel with, at most so long.
constexpr int kLazyMs = 50;
// How long a supervisor that was told to end is waited for, and one whose connection broke.
constexpr int kEndMs = 2000;
constexpr int kDeathMs = 500;
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

LocalBackend::LocalBackend(const Options& options, Sink sink)
    : options_(options), sink_(std::move(sink)), supervisor_(options) {
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

LocalBackend::~LocalBackend() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake();
  }
  thread_.join();
  ::close(wake_fd_);
  if (!supervisor_.connected()) return;
  const bool idle = in_flight_.empty();
  if (idle) stream_.queue(protocol::Shutdown{});
  if (stream_.flush(supervisor_.fd()) == protocol::Flow::open && stream_.pending()) {
    pollfd wait{supervisor_.fd(), POLLOUT, 0};
    ::poll(&wait, 1, 1000);
    stream_.flush(supervisor_.fd());
  }
  // What runs goes on in the supervisor, which outlives this process.
  if (idle && unacknowledged_.empty()) supervisor_.fate(kEndMs);
}

void LocalBackend::wake() {
  if (std::exchange(woken_, true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void LocalBackend::send(protocol::Body body) {
  stream_.queue(std::move(body));
  // Written here, not by the backend's thread: one thread switch less on each step's path.
  stream_.flush(supervisor_.fd());
  if (stream_.pending()) wake();
}

void LocalBackend::launch(std::vector<RequestPtr> requests) {
  if (std::vector<Report> reports = run_noops(requests); !reports.empty())
    sink_(std::move(reports));
  const std::lock_guard lock(mutex_);
  bool queued = false;
  for (RequestPtr& request : requests) {
    if (supervisor_.connected()) {
      stream_.queue(protocol::Launch{*request});
      queued = true;
    }
    const Id id = request->id;
    in_flight_[id].request = std::move(request);
    wanted_ = true;
  }
  if (queued) stream_.flush(supervisor_.fd());
  if ((wanted_ && !supervisor_.connected()) || stream_.pending()) wake();
}

void LocalBackend::stop(const protocol::AttemptId& id, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  found->second.stop = reason.empty() ? "cancelled" : reason;
  if (supervisor_.connected()) send(protocol::Cancel{id, found->second.stop});
}

void LocalBackend::acknowledge(const protocol::AttemptId& id) {
  const std::lock_guard lock(mutex_);
  if (unacknowledged_.erase(id) == 0) return;
  if (supervisor_.connected()) {
    stream_.queue(protocol::Acknowledge{id});
  } else {
    acknowledgements_.push_back(id);
  }
}

void LocalBackend::reply(const protocol::HostReply& reply) {
  const std::lock_guard lock(mutex_);
  // Without a connection it is asked again: the supervisor keeps the question.
  if (supervisor_.connected()) send(reply);
}

Result<protocol::Listing> LocalBackend::list() {
  Lock lock(mutex_);
  ListCall call;
  list_calls_.push_back(&call);
  wake();
  if (!listed_.wait_for(lock, kListPatience, [&] { return call.done; })) {
    std::erase(list_calls_, &call);
    std::replace(asked_.begin(), asked_.end(), &call, static_cast<ListCall*>(nullptr));
    return fail("the supervisor did not answer in 5 s; see " + options_.state_directory +
                "/supervisor.log");
  }
  if (!call.error.empty()) return fail(call.error);
  return std::move(call.listing);
}

void LocalBackend::run() {
  Lock lock(mutex_);
  while (!closing_) {
    if (!step(lock)) wait(lock);
  }
}

/// Does what there is to do; false: nothing, and it is time to wait.
bool LocalBackend::step(Lock& lock) {
  if (!supervisor_.connected() && (wanted_ || !list_calls_.empty())) {
    connect(lock);
    return true;
  }
  if (supervisor_.connected() && !list_calls_.empty()) {
    while (!list_calls_.empty()) {
      asked_.push_back(list_calls_.front());
      list_calls_.pop_front();
      send(protocol::List{});
    }
    return true;
  }
  return false;
}

void LocalBackend::wait(Lock& lock) {
  stream_.flush(supervisor_.fd());
  const int fd = supervisor_.fd();
  const short events = stream_.pending() ? POLLIN | POLLOUT : POLLIN;
  const int timeout = unacknowledged_.empty() ? -1 : kLazyMs;
  std::array<pollfd, 2> wait{{{wake_fd_, POLLIN, 0}, {fd, events, 0}}};
  lock.unlock();
  const int ready = ::poll(wait.data(), fd >= 0 ? 2 : 1, timeout);
  lock.lock();
  if (ready <= 0) return;
  if (wait[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_fd_, &count, sizeof count);
    woken_ = false;
  }
  if (fd >= 0 && (wait[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(lock);
}

void LocalBackend::connect(Lock& lock) {
  if (supervisor_.connect()) return greet();
  if (!wanted_) return answer_lists({});  // no supervisor: nothing is left of an earlier engine
  // Starting takes milliseconds; launch() and stop() meanwhile only note what they want.
  lock.unlock();
  const auto started = supervisor_.start();
  lock.lock();
  if (started && supervisor_.connect()) return greet();
  const bool missing = ::access(options_.worker.c_str(), X_OK) != 0;
  give_up(lock, missing ? "config" : "lost",
          started ? "the supervisor ended as soon as it had started" : started.error().message);
}

/// Says Hello on a new connection, and all that the supervisor must know.
void LocalBackend::greet() {
  greeted_ = false;
  stream_ = protocol::Stream();
  listing_ = {};
  protocol::Hello hello;
  hello.role = "engine";
  hello.pid = ::getpid();
  stream_.queue(std::move(hello));
  stream_.queue(protocol::List{});
  asked_.push_back(nullptr);
  for (const Id& id : std::exchange(acknowledgements_, {}))
    stream_.queue(protocol::Acknowledge{id});
  // A supervisor that has an attempt already says so, instead of starting it again.
  for (const auto& [id, attempt] : in_flight_) {
    if (attempt.request != nullptr) stream_.queue(protocol::Launch{*attempt.request});
    if (!attempt.stop.empty()) stream_.queue(protocol::Cancel{id, attempt.stop});
  }
  stream_.flush(supervisor_.fd());
}

void LocalBackend::read(Lock& lock) {
  const bool closed = stream_.fill(supervisor_.fd()) == protocol::Flow::closed;
  std::vector<Report> reports;
  std::string broken;
  for (;;) {
    auto message = stream_.next();
    if (!message) broken = message.error().message;
    if (!message || !*message) break;
    if (auto* reject = std::get_if<protocol::Reject>(&(*message)->body)) broken = reject->reason;
    handle((*message)->body, reports);
  }
  deliver(lock, std::move(reports));
  if (!broken.empty()) {
    return give_up(lock, "lost",
                   fmt::format("the supervisor and this engine do not understand each other: {}; "
                               "is it of another version? End its process (see {}/supervisor.log)",
                               broken, options_.state_directory));
  }
  if (closed) on_closed(lock);
}

void LocalBackend::deliver(Lock& lock, std::vector<Report> reports) {
  if (reports.empty()) return;
  lock.unlock();
  sink_(std::move(reports));
  lock.lock();
}

void LocalBackend::handle(protocol::Body& body, std::vector<Report>& reports) {
  if (auto* part = std::get_if<protocol::Listing>(&body)) return take_listing(*part, reports);
  if (std::holds_alternative<protocol::Hello>(body)) {
    greeted_ = true;
    return;
  }
  disconnects_ = 0;
  if (auto* report = std::get_if<protocol::Ended>(&body)) {
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

void LocalBackend::take_listing(protocol::Listing& part, std::vector<Report>& reports) {
  std::move(part.running.begin(), part.running.end(), std::back_inserter(listing_.running));
  std::move(part.ended.begin(), part.ended.end(), std::back_inserter(listing_.ended));
  if (part.more || asked_.empty()) return;
  protocol::Listing listing = std::exchange(listing_, {});
  ListCall* call = asked_.front();
  asked_.pop_front();
  if (call == nullptr) {
    // After a reconnect: adopted attempts that the supervisor does not know any more.
    std::set<Id> known;
    for (const auto& running : listing.running) known.insert(running.id);
    for (const auto& result : listing.ended) known.insert(result.id);
    for (auto at = in_flight_.begin(); at != in_flight_.end();) {
      const bool lost = at->second.request == nullptr && known.count(at->first) == 0;
      if (lost) reports.emplace_back(ended(at->first, "lost", "the supervisor does not know it"));
      at = lost ? in_flight_.erase(at) : std::next(at);
    }
    for (protocol::Result& result : listing.ended) {
      const auto found = in_flight_.find(result.id);
      if (found == in_flight_.end() || found->second.request != nullptr) continue;
      in_flight_.erase(found);
      unacknowledged_.insert(result.id);
      reports.emplace_back(protocol::Ended{std::move(result)});
    }
    return;
  }
  for (const auto& running : listing.running) in_flight_.try_emplace(running.id);
  for (const auto& result : listing.ended) unacknowledged_.insert(result.id);
  call->listing = std::move(listing);
  call->done = true;
  listed_.notify_all();
}

void LocalBackend::on_closed(Lock& lock) {
  supervisor_.disconnect();
  for (ListCall* call : std::exchange(asked_, {})) {
    if (call != nullptr) list_calls_.push_back(call);
  }
  // It was about to end when this engine came: nothing was handed over, and a new one is started.
  if (!greeted_ && ++disconnects_ <= kMaxDisconnects) return;
  if (++disconnects_ <= kMaxDisconnects && supervisor_.connect()) return greet();
  const std::string fate = supervisor_.fate(kDeathMs);
  give_up(lock, "lost",
          fmt::format("the supervisor of this machine's attempts {}; they are lost with it",
                      fate.empty() ? "is gone" : fate));
}

void LocalBackend::give_up(Lock& lock, const std::string& cause, const std::string& why) {
  supervisor_.disconnect();
  stream_ = protocol::Stream();
  wanted_ = false;
  disconnects_ = 0;
  acknowledgements_.clear();
  unacknowledged_.clear();
  answer_lists(why);
  std::vector<Report> reports;
  for (const auto& [id, attempt] : std::exchange(in_flight_, {})) {
    reports.emplace_back(ended(id, cause, why));
  }
  deliver(lock, std::move(reports));
}

void LocalBackend::answer_lists(const std::string& error) {
  for (auto* calls : {&list_calls_, &asked_}) {
    for (ListCall* call : std::exchange(*calls, {})) {
      if (call == nullptr) continue;
      call->error = error;
      call->done = true;
    }
  }
  listed_.notify_all();
}

std::unique_ptr<Backend> make_local(const Options& options, Sink sink) {
  return std::make_unique<LocalBackend>(options, std::move(sink));
}

}  // namespace scanflow::backend
