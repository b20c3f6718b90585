#include "engine/serve/replicas.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include "engine/serve/replica.hpp"
#include "sdk/base/signals.hpp"

namespace scanflow::serve {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

using State = ReplicaStatus::State;

constexpr std::uint64_t kAnswerBytes = 64u << 20;
constexpr std::uint64_t kKeptLogs = 10;
constexpr milliseconds kTick{500};  // how often replicas are asked whether they live
constexpr milliseconds kAnswerWithin{2000};
constexpr unsigned kUnanswered = 3;  // in a row: it is ended
constexpr milliseconds kFirstWait{100}, kLongestWait{10'000};
constexpr std::chrono::seconds kQuiet{60};        // alive for so long: what was before is forgotten
constexpr std::chrono::seconds kEndWithin{35};    // of SIGTERM; then SIGKILL
constexpr std::chrono::minutes kSwitchWithin{2};  // loading a model may take long

milliseconds wait_before(std::uint64_t starts_before) {
  const auto doubled = kFirstWait.count() << std::min<std::uint64_t>(starts_before, 10);
  return std::min(kLongestWait, milliseconds(doubled));
}

}  // namespace

struct Replicas::Impl : std::enable_shared_from_this<Replicas::Impl> {
  Impl(ReplicasOptions given, infer::ServiceDocument what, std::size_t how_many, Router& where,
       http::Server& on)
      : options(std::move(given)),
        document(std::move(what)),
        router(where.shared_from_this()),
        server(on),
        wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        count(how_many) {}

  // --- its thread

  void run() {
    std::unique_lock lock(mutex);
    while (!ending || !replicas.empty()) {
      start_missing();
      retire_surplus();
      const auto patience = until_next();
      std::vector<pollfd> fds = {{wake.get(), POLLIN, 0}};
      for (const Replica& replica : replicas) {
        fds.push_back({replica.process->get(), POLLIN, 0});
        fds.push_back({replica.out.get(), POLLIN, 0});  // below 0: none
      }
      lock.unlock();
      ::poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
      std::uint64_t ignored = 0;
      while (::read(wake.get(), &ignored, sizeof ignored) > 0) {
      }
      lock.lock();
      look_after_all();
      changed.notify_all();
    }
  }

  milliseconds until_next() const {
    milliseconds wait = kTick;
    for (const NextStart& start : next_starts) {
      const auto left = std::chrono::duration_cast<milliseconds>(start.at - Clock::now());
      wait = std::clamp(left + milliseconds(1), milliseconds(0), wait);
    }
    return wait;
  }

  bool is_current(const Replica& replica) const {
    return replica.generation == generation && replica.status.state != State::ending;
  }
  template <class Which>
  std::size_t how_many(const Which& which) const {
    return static_cast<std::size_t>(std::count_if(replicas.begin(), replicas.end(), which));
  }
  std::size_t current() const {
    return how_many([this](const Replica& replica) { return is_current(replica); });
  }

  void start_missing() {
    const auto now = Clock::now();
    std::uint64_t starts_before = 0;
    std::erase_if(next_starts, [&](const NextStart& start) {
      if (start.at > now) return false;
      starts_before = std::max(starts_before, start.starts_before);
      return true;
    });
    while (current() + next_starts.size() < count) start_one(starts_before);
  }

  std::string id_of(std::uint64_t number) const {
    return fmt::format("{}{}", options.backup ? "b" : "", number);
  }

  void start_one(std::uint64_t starts_before) {
    Replica replica;
    replica.status.id = id_of(++last_id);
    replica.status.starts_before = starts_before;
    replica.generation = generation;
    if (last_id > kKeptLogs) remove_log(options, id_of(last_id - kKeptLogs));
    const auto started = start(replica, options, document);
    if (!started) return again_later(replica, started.error().message);
    replica.questions = std::make_shared<http::Upstream>(server, replica.admin, kAnswerBytes);
    replicas.push_back(std::move(replica));
  }

  void again_later(const Replica& replica, const std::string& what) {
    const auto wait = wait_before(replica.status.starts_before);
    next_starts.push_back({Clock::now() + wait, replica.status.starts_before + 1});
    options.tell(fmt::format("replica {} {}; the next starts in {:.1f} s", replica.status.id, what,
                             static_cast<double>(wait.count()) / 1000));
  }

  /// Those of older documents go when enough of the newest are ready; of too many those that are not
  /// ready yet, then the oldest.
  void retire_surplus() {
    const std::size_t ready = how_many([this](const Replica& replica) {
      return is_current(replica) && replica.status.state == State::ready;
    });
    std::size_t surplus = current() > count ? current() - count : 0;
    for (const State state : {State::starting, State::ready}) {
      for (Replica& replica : replicas) {
        if (replica.status.state != state) continue;
        if (replica.generation == generation) {
          if (surplus == 0) continue;
          --surplus;
        } else if (ready < count && !ending) {
          continue;
        }
        end(replica);
      }
    }
  }

  /// It takes no more requests, and goes when those that it has are answered.
  void end(Replica& replica) {
    replica.status.state = State::ending;
    replica.kill_at = Clock::now() + kEndWithin;
    on_router([id = replica.status.id, process = replica.process](Router& at) {
      at.retire(id, [process] { send_signal(*process, SIGTERM); });
    });
  }

  void on_router(std::function<void(Router&)> call) {
    server.post([at = router, call = std::move(call)] { call(*at); });
  }

  void look_after_all() {
    for (auto replica = replicas.begin(); replica != replicas.end();) {
      read_out(*replica);
      int status = 0;
      if (::waitpid(replica->pid, &status, WNOHANG) == replica->pid) {
        on_end(*replica, status);
        replica = replicas.erase(replica);
        continue;
      }
      if (Clock::now() >= replica->kill_at) send_signal(*replica->process, SIGKILL);
      if (replica->status.state == State::ready) ask_whether_it_lives(*replica);
      ++replica;
    }
  }

  void read_out(Replica& replica) {
    pollfd fd{replica.out.get(), POLLIN, 0};
    char buffer[512];
    while (replica.out && ::poll(&fd, 1, 0) > 0) {
      const ssize_t got = ::read(replica.out.get(), buffer, sizeof buffer);
      if (got <= 0) return replica.out.reset();
      if (replica.said.size() < sizeof buffer)
        replica.said.append(buffer, static_cast<std::size_t>(got));
    }
    if (replica.status.state != State::starting || !replica.said.starts_with("ready")) return;
    replica.status.state = State::ready;
    on_router([id = replica.status.id, listen = replica.listen,
               backup = options.backup](Router& at) { at.add(id, listen, backup); });
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - replica.started);
    options.tell(fmt::format("replica {} is ready ({} ms)", replica.status.id, took.count()));
  }

  void on_end(Replica& replica, int status) {
    on_router([id = replica.status.id, questions = std::move(replica.questions)](Router& at) {
      at.remove(id);
      questions->close_all();
    });
    for (const auto& address : {replica.listen, replica.admin})
      ::unlink(address.substr(address.find(':') + 1).c_str());
    ::unlink(replica.document.c_str());
    if (!is_current(replica)) return;
    if (Clock::now() - replica.started > kQuiet) replica.status.starts_before = 0;
    std::string what = describe_exit(status);
    if (replica.status.state == State::starting) what += " before it was ready";
    if (const std::string words = last_words(replica); !words.empty()) what += ": " + words;
    again_later(replica, what);
  }

  /// By its admin socket, which answers while a model computes, too.
  void ask_whether_it_lives(Replica& replica) {
    if (replica.asked || Clock::now() < replica.next_question) return;
    replica.asked = true;
    replica.next_question = Clock::now() + kTick;
    ask(replica, {"GET", "/v2/health/live", {}, std::make_shared<const std::string>()},
        kAnswerWithin, [weak = weak_from_this(), id = replica.status.id](const auto& answer) {
          if (const auto self = weak.lock()) self->on_alive(id, answer && answer->status == 200);
        });
  }

  void on_alive(const std::string& id, bool alive) {
    const std::lock_guard lock(mutex);
    Replica* const replica = find(id);
    if (replica == nullptr) return;
    replica->asked = false;
    replica->unanswered = alive ? 0 : replica->unanswered + 1;
    on_router([id, alive](Router& at) { at.doubt(id, !alive); });
    if (replica->unanswered < kUnanswered) return;
    options.tell(fmt::format("replica {} does not answer its supervisor; it is ended", id));
    send_signal(*replica->process, SIGKILL);
  }

  // --- of any thread, under the lock

  Replica* find(const std::string& id) {
    const auto found = std::find_if(replicas.begin(), replicas.end(), [&](const Replica& replica) {
      return replica.status.id == id;
    });
    return found == replicas.end() ? nullptr : &*found;
  }

  const Replica* find_ready() const {
    const auto found = std::find_if(replicas.begin(), replicas.end(), [&](const Replica& replica) {
      return is_current(replica) && replica.status.state == State::ready;
    });
    return found == replicas.end() ? nullptr : &*found;
  }
  /// In the document; null where it has no such node.
  std::vector<infer::VersionDocument>* versions_of(const std::string& node) {
    for (infer::NodeDocument& each : document.nodes)
      if (each.node.name == node) return &each.versions;
    return nullptr;
  }

  /// `then` on the server's thread.
  void ask(const Replica& replica, http::Onward request, milliseconds patience,
           http::Upstream::Then then) {
    server.post([to = replica.questions, request = std::move(request), patience,
                 then = std::move(then)]() mutable {
      to->send(request, Clock::now() + patience, std::move(then));
    });
  }

  using Asked = std::future<tl::expected<http::Response, http::NotReached>>;
  Asked ask(const Replica& replica, http::Onward request, milliseconds patience) {
    const auto promise =
        std::make_shared<std::promise<tl::expected<http::Response, http::NotReached>>>();
    auto future = promise->get_future();
    ask(replica, std::move(request), patience,
        [promise](auto answer) { promise->set_value(std::move(answer)); });
    return future;
  }

  void poke() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof one);
  }

  struct NextStart {
    Clock::time_point at;
    std::uint64_t starts_before;
  };

  const ReplicasOptions options;
  infer::ServiceDocument document;
  const std::shared_ptr<Router> router;
  http::Server& server;
  const UniqueFd wake;
  std::mutex traffic_mutex;  // one change of traffic at a time; before the other
  mutable std::mutex mutex;  // guards all that follows, and document
  mutable std::condition_variable changed;
  std::size_t count;
  bool ending = false;
  std::uint64_t generation = 1, last_id = 0;
  std::list<Replica> replicas;
  std::vector<NextStart> next_starts;
  std::thread thread;
};

Replicas::Replicas(ReplicasOptions options, infer::ServiceDocument document, std::size_t count,
                   Router& router, http::Server& server)
    : impl_(
          std::make_shared<Impl>(std::move(options), std::move(document), count, router, server)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

Replicas::~Replicas() {
  end();
  impl_->thread.join();
}

void Replicas::end() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    impl_->count = 0;
  }
  impl_->poke();
}

void Replicas::scale(std::size_t count) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->count = count;
  }
  impl_->poke();
}

void Replicas::update(infer::ServiceDocument document) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->document = std::move(document);
    ++impl_->generation;
    impl_->next_starts.clear();
  }
  impl_->poke();
}

std::vector<ReplicaStatus> Replicas::status() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<ReplicaStatus> list;
  list.reserve(impl_->replicas.size());
  for (const Replica& replica : impl_->replicas) list.push_back(replica.status);
  return list;
}

bool Replicas::wait_ready(std::size_t count, milliseconds patience) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, patience, [&] {
    return impl_->how_many([&](const Replica& replica) {
      return impl_->is_current(replica) && replica.status.state == State::ready;
    }) >= count;
  });
}

namespace {

/// What a replica answered to a question, or why there is nothing.
Result<json> told(std::future<tl::expected<http::Response, http::NotReached>> asked) {
  try {
    const auto answer = asked.get();
    if (!answer) return fail(answer.error().message);
    json document = json::parse(answer->body, nullptr, false);
    if (answer->status == 200) return document;
    return fail(document.is_object() ? document.value("error", answer->body) : answer->body);
  } catch (const std::future_error&) {
    return fail("the service ends");
  }
}

}  // namespace

Result<json> Replicas::ask(const std::string& id, const std::string& path) const {
  std::unique_lock lock(impl_->mutex);
  const Replica* const replica = impl_->find(id);
  if (replica == nullptr || replica->status.state != State::ready)
    return fail(fmt::format("there is no replica {} that is ready", id));
  auto asked =
      impl_->ask(*replica, {"GET", path, {}, std::make_shared<const std::string>()}, kAnswerWithin);
  lock.unlock();
  return told(std::move(asked));
}

Result<std::optional<std::int64_t>> Replicas::set_traffic(
    const std::string& node, std::vector<infer::VersionDocument> versions) {
  const std::lock_guard one_at_a_time(impl_->traffic_mutex);
  const json wish = {{"node", node}, {"versions", infer::to_json(versions)}};
  const http::Onward request{
      "PUT", "/traffic", {}, std::make_shared<const std::string>(wish.dump())};
  std::unique_lock lock(impl_->mutex);
  const std::uint64_t generation = impl_->generation;
  if (impl_->versions_of(node) == nullptr)
    return fail(fmt::format("the service has no node '{}'", node));
  // The first shows whether it can be done at all; until then nothing has changed.
  std::string first_id;
  std::optional<std::int64_t> slowest;
  if (const Replica* const first = impl_->find_ready()) {
    first_id = first->status.id;
    auto asked_first = impl_->ask(*first, request, kSwitchWithin);
    lock.unlock();
    const auto answer = told(std::move(asked_first));
    if (!answer) return fail(answer.error().message);
    slowest = answer->value("switched_us", std::int64_t{0});
    lock.lock();
  }
  auto* const current = impl_->versions_of(node);
  if (impl_->generation != generation || current == nullptr)
    return fail("the service has got a new document meanwhile");
  *current = std::move(versions);
  std::vector<std::pair<std::shared_ptr<UniqueFd>, Impl::Asked>> asked;
  for (Replica& replica : impl_->replicas) {
    if (!impl_->is_current(replica) || replica.status.id == first_id) continue;
    if (replica.status.state == State::ready) {
      asked.emplace_back(replica.process, impl_->ask(replica, request, kSwitchWithin));
    } else {  // it has the versions of before, and serves nobody yet: another takes its place
      replica.status.state = State::ending;
      send_signal(*replica.process, SIGKILL);
    }
  }
  lock.unlock();
  impl_->poke();
  for (auto& [process, each] : asked) {
    const auto said = told(std::move(each));
    if (said) {
      slowest = std::max(slowest.value_or(0), said->value("switched_us", std::int64_t{0}));
    } else {
      send_signal(*process, SIGKILL);  // one with the new versions takes its place
    }
  }
  return slowest;
}

}  // namespace scanflow::serve
