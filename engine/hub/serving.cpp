#include "engine/hub/serving.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <future>
#include <utility>

#include "sdk/base/clock.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kTickUs = 100'000;

}  // namespace

Serving::Serving(zmq::context_t& context, Doors::Odd odd)
    : doors_(context, std::move(odd)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Serving::~Serving() {
  end();
  ::close(wake_);
}

void Serving::end() {
  if (!thread_.joinable()) return;
  post([this](std::int64_t) { stopping_ = true; });
  thread_.join();
}

void Serving::begin(Work work) {
  work_ = std::move(work);
  thread_ = std::thread([this] { run(); });
}

void Serving::run() {
  std::vector<zmq::pollitem_t> items;
  std::int64_t tick_us = 0;
  bool more = false;
  while (!stopping_) {
    if (items.size() != doors_.size() + 1) {  // one was opened
      items = {{nullptr, wake_, ZMQ_POLLIN, 0}};
      doors_.add_to(items);
    }
    const std::int64_t wait_us = more ? 0 : std::max<std::int64_t>(tick_us - monotonic_us(), 0);
    if (zmq_poll(items.data(), static_cast<int>(items.size()), (wait_us + 999) / 1000) < 0)
      continue;
    if (items[0].revents != 0) do_posted();
    for (std::size_t i = 0; i + 1 < items.size(); ++i) {
      if (items[i + 1].revents == 0) continue;
      const std::int64_t now_us = monotonic_us();
      doors_.receive(
          i, [&](const Peer& peer, std::string_view bytes) { work_.receive(peer, bytes, now_us); });
    }
    if (const std::int64_t now_us = monotonic_us(); now_us >= tick_us) {
      work_.tick(now_us);
      doors_.tick();
      tick_us = now_us + kTickUs;
    }
    more = work_.send(monotonic_us());
  }
}

void Serving::pause(const std::function<void()>& call) {
  if (!running()) return call();
  std::promise<void> done;
  post([&](std::int64_t) {
    try {
      call();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void Serving::do_posted() {
  std::uint64_t times = 0;
  (void)!::read(wake_, &times, sizeof times);
  std::vector<std::function<void(std::int64_t)>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& each : work) each(monotonic_us());
}

void Serving::post(std::function<void(std::int64_t)> work) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  const std::uint64_t once = 1;
  (void)!::write(wake_, &once, sizeof once);
}

}  // namespace scanflow::hub
