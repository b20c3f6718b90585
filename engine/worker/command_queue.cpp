#include "engine/worker/command_queue.hpp"

#include <fmt/format.h>

#include <utility>

#include "sdk/loader/commands.hpp"

namespace scanflow::worker {
namespace {

protocol::StepAnswer refusal(const protocol::StepCommand& command, std::string_view why) {
  loader::CommandAnswer failed = loader::command_failed(why);
  return {command.id, command.call, std::move(failed.outcome), std::move(failed.value)};
}

}  // namespace

void CommandQueue::add(protocol::StepCommand command) {
  std::unique_lock lock(mutex_);
  if (closed_ || waiting_.size() >= kMaxWaiting) {
    const bool ended = closed_;
    lock.unlock();
    return answer_(refusal(
        command, ended ? "the step has ended"
                       : fmt::format("{} commands wait for the step already", kMaxWaiting)));
  }
  waiting_.push_back(std::move(command));
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_one();
}

void CommandQueue::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_one();
}

void CommandQueue::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  changed_.notify_one();
  auto refused = std::exchange(waiting_, {});
  lock.unlock();
  if (thread_.joinable()) thread_.join();  // nobody starts it any more
  for (const auto& command : refused) answer_(refusal(command, "the step has ended"));
}

void CommandQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closed_ || (open_ && !waiting_.empty()); });
    if (closed_) return;
    const protocol::StepCommand command = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    answer_(execute_(command));
    lock.lock();
  }
}

}  // namespace scanflow::worker
