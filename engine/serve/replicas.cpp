#include "engine/serve/replicas.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include "engine/serve/process_instance.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::serve {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

using Clock = std::chrono::steady_clock;
using State = ReplicaStatus::State;
using Asked = std::future<Result<json>>;

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

struct Replica {
  ReplicaStatus status;
  std::uint64_t generation = 0;  // of the document that it serves
  std::shared_ptr<Instance> instance;
  std::filesystem::path directory;  // of its sockets, and of nothing else's
  std::string listen;               // its address
  Clock::time_point started, kill_at = Clock::time_point::max();
  unsigned unanswered = 0;  // questions of its supervisor, in a row
  bool asked = false;       // one is on its way
  Clock::time_point next_question;
  std::shared_ptr<http::Upstream> questions;  // to its admin socket; lives on the server's thread
};

/// What a replica answered to a question, or why there is nothing.
Result<json> told(const tl::expected<http::Response, http::NotReached>& answer) {
  if (!answer) return fail(answer.error().message);
  json document = json::parse(answer->body, nullptr, false);
  if (answer->status == 200) return document;
  return fail(document.is_object() ? document.value("error", answer->body) : answer->body);
}

Result<json> answer_of(Asked asked) {
  try {
    return asked.get();
  } catch (const std::future_error&) {
    return fail("the service ends");
  }
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
      for (const Replica& replica : replicas)
        for (const int fd : replica.instance->descriptors()) fds.push_back({fd, POLLIN, 0});
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
    std::error_code ignored;
    if (last_id > kKeptLogs) std::filesystem::remove(log_of(id_of(last_id - kKeptLogs)), ignored);
    InstanceOrder order{replica.status.id, document, log_of(replica.status.id), {}};
    replica.directory = options.directory / ("r" + order.id);
    std::filesystem::create_directory(replica.directory, ignored);
    replica.listen = order.document.listen = "unix:" + (replica.directory / "http").string();
    order.document.admin = "unix:" + (replica.directory / "admin").string();
    replica.questions =
        std::make_shared<http::Upstream>(server, order.document.admin, kAnswerBytes);
    order.ask = [this, weak = std::weak_ptr(replica.questions)](const std::string& path) {
      auto to = weak.lock();
      return to ? ask(std::move(to), get(path)) : Asked();
    };
    replica.started = Clock::now();
    auto made = options.make ? options.make(std::move(order))
                             : ProcessInstance::start(options.program, std::move(order));
    if (!made) {
      let_go(replica);
      return again_later(replica, made.error().message);
    }
    replica.instance = std::move(*made);
    replica.status.pid = replica.instance->pid();
    replica.status.pod = replica.instance->pod();
    replicas.push_back(std::move(replica));
  }

  std::filesystem::path log_of(const std::string& id) const {
    return (options.logs.empty() ? options.directory : options.logs) / ("r" + id + ".log");
  }

  void let_go(Replica& replica) {
    server.post([questions = std::move(replica.questions)] { questions->close_all(); });
    std::error_code ignored;
    std::filesystem::remove_all(replica.directory, ignored);
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
    on_router([id = replica.status.id, instance = replica.instance](Router& at) {
      at.retire(id, [instance] { instance->end(); });
    });
  }

  void on_router(std::function<void(Router&)> call) {
    server.post([at = router, call = std::move(call)] { call(*at); });
  }

  void look_after_all() {
    for (auto replica = replicas.begin(); replica != replicas.end();) {
      const Instance::News news = replica->instance->look();
      if (news.ready && replica->status.state == State::starting) on_ready(*replica);
      if (news.over) {
        on_end(*replica, *news.over, news.words);
        replica = replicas.erase(replica);
        continue;
      }
      if (Clock::now() >= replica->kill_at) replica->instance->kill();
      if (replica->status.state == State::ready) ask_whether_it_lives(*replica);
      ++replica;
    }
  }

  void on_ready(Replica& replica) {
    replica.status.state = State::ready;
    on_router([id = replica.status.id, listen = replica.listen,
               backup = options.backup](Router& at) { at.add(id, listen, backup); });
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - replica.started);
    options.tell(fmt::format("replica {} is ready ({} ms)", replica.status.id, took.count()));
  }

  void on_end(Replica& replica, std::string what, const std::string& words) {
    on_router([id = replica.status.id](Router& at) { at.remove(id); });
    let_go(replica);
    if (!is_current(replica)) return;
    if (Clock::now() - replica.started > kQuiet) replica.status.starts_before = 0;
    if (replica.status.state == State::starting) what += " before it was ready";
    if (!words.empty()) what += ": " + words;
    again_later(replica, what);
  }

  /// By its admin socket, which answers while a model computes, too.
  void ask_whether_it_lives(Replica& replica) {
    if (replica.asked || Clock::now() < replica.next_question) return;
    replica.asked = true;
    replica.next_question = Clock::now() + kTick;
    ask(replica.questions, get("/v2/health/live"), kAnswerWithin,
        [weak = weak_from_this(), id = replica.status.id](const auto& answer) {
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
    if (replica->unanswered != kUnanswered) return;
    options.tell(fmt::format("replica {} does not answer its supervisor; it is ended", id));
    replica->instance->kill();
  }

  // --- of any thread

  static http::Onward get(const std::string& path) {
    return {"GET", path, {}, std::make_shared<const std::string>()};
  }

  /// `then` on the server's thread.
  void ask(std::shared_ptr<http::Upstream> to, http::Onward request, milliseconds patience,
           http::Upstream::Then then) {
    server.post([to = std::move(to), request = std::move(request), patience,
                 then = std::move(then)]() mutable {
      to->send(request, Clock::now() + patience, std::move(then));
    });
  }

  Asked ask(std::shared_ptr<http::Upstream> to, http::Onward request,
            milliseconds patience = kAnswerWithin) {
    const auto promise = std::make_shared<std::promise<Result<json>>>();
    auto future = promise->get_future();
    ask(std::move(to), std::move(request), patience,
        [promise](const auto& answer) { promise->set_value(told(answer)); });
    return future;
  }

  Asked switch_to(const Replica& replica, const std::string& node,
                  const std::vector<infer::VersionDocument>& versions) {
    if (auto asked = replica.instance->set_versions(node, versions)) return std::move(*asked);
    const json wish = {{"node", node}, {"versions", infer::to_json(versions)}};
    return ask(replica.questions,
               {"PUT", "/traffic", {}, std::make_shared<const std::string>(wish.dump())},
               kSwitchWithin);
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

Result<json> Replicas::ask(const std::string& id, const std::string& path) const {
  std::unique_lock lock(impl_->mutex);
  const Replica* const replica = impl_->find(id);
  if (replica == nullptr || replica->status.state != State::ready)
    return fail(fmt::format("there is no replica {} that is ready", id));
  auto asked = impl_->ask(replica->questions, Impl::get(path));
  lock.unlock();
  return answer_of(std::move(asked));
}

Result<std::optional<std::int64_t>> Replicas::set_traffic(
    const std::string& node, const std::vector<infer::VersionDocument>& versions) {
  const std::lock_guard one_at_a_time(impl_->traffic_mutex);
  std::unique_lock lock(impl_->mutex);
  const std::uint64_t generation = impl_->generation;
  if (impl_->versions_of(node) == nullptr)
    return fail(fmt::format("the service has no node '{}'", node));
  // The first shows whether it can be done at all; until then nothing has changed.
  std::string first_id;
  std::optional<std::int64_t> slowest;
  if (const Replica* const first = impl_->find_ready()) {
    first_id = first->status.id;
    auto asked_first = impl_->switch_to(*first, node, versions);
    lock.unlock();
    const auto answer = answer_of(std::move(asked_first));
    if (!answer) return fail(answer.error().message);
    slowest = answer->value("switched_us", std::int64_t{0});
    lock.lock();
  }
  auto* const current = impl_->versions_of(node);
  if (impl_->generation != generation || current == nullptr)
    return fail("the service has got a new document meanwhile");
  *current = versions;
  std::vector<std::pair<std::shared_ptr<Instance>, Asked>> asked;
  for (Replica& replica : impl_->replicas) {
    if (!impl_->is_current(replica) || replica.status.id == first_id) continue;
    if (replica.status.state == State::ready) {
      asked.emplace_back(replica.instance, impl_->switch_to(replica, node, versions));
    } else {  // it has the versions of before, and serves nobody yet: another takes its place
      replica.status.state = State::ending;
      replica.instance->kill();
    }
  }
  lock.unlock();
  impl_->poke();
  for (auto& [instance, each] : asked) {
    const auto said = answer_of(std::move(each));
    if (said) {
      slowest = std::max(slowest.value_or(0), said->value("switched_us", std::int64_t{0}));
    } else {
      instance->kill();  // one with the new versions takes its place
    }
  }
  return slowest;
}

}  // namespace scanflow::serve
