#include "engine/store/writer.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "engine/store/tables.hpp"

namespace scanflow::store {

namespace {

/// Rows that whoever brings them may commit: about 50 us of work.
constexpr std::size_t kFew = 16;
/// When the log is copied into the database. That syncs the disk and makes commits wait, so it is
/// left to the writer's thread; SQLite would do it in the commit that reaches its limit.
constexpr int kCheckpointPages = 4000;

std::size_t rows(const Batch& batch) {
  constexpr std::size_t kPage = 4096;  // costs as much as a row
  std::size_t events = batch.events.size();
  for (const EventBlock& block : batch.events) events += block.body.size() / kPage;
  return events + batch.runs.size() + batch.steps.size() + batch.metrics.size() +
         batch.tracked.size() + batch.cache.size() + batch.commands.size();
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::start(Connection connection, bool at_once) {
  auto tables = Tables::prepare(connection);
  if (!tables) return tl::unexpected(tables.error());
  return std::unique_ptr<Writer>(new Writer(std::move(connection), std::move(*tables), at_once));
}

Writer::Writer(Connection connection, std::unique_ptr<Tables> tables, bool at_once)
    : connection_(std::move(connection)), tables_(std::move(tables)), at_once_(at_once) {
  const auto on_commit = [](void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(connection_.handle(), on_commit, &log_pages_);  // instead of autocheckpoints
  const auto on_change = [](void* happened, int what, const char*, const char* table,
                            sqlite3_int64) {
    if (what == SQLITE_INSERT && std::string_view(table) == "happenings")
      *static_cast<bool*>(happened) = true;
  };
  sqlite3_update_hook(connection_.handle(), on_change, &happened_);
  thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() { stop(); }

void Writer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Writer::push(Batch batch, Done done) { push(Item{std::move(batch), {}, std::move(done)}); }
void Writer::push(Task task, Done done) { push(Item{{}, std::move(task), std::move(done)}); }

void Writer::on_happening(std::function<void()> tell) {
  const std::lock_guard lock(telling_);
  tell_ = std::move(tell);
}

void Writer::push(Item item) {
  std::unique_lock lock(mutex_);
  if (at_once_ && !busy_ && queue_.empty() && !item.task && rows(item.batch) <= kFew) {
    busy_ = true;
    lock.unlock();
    std::vector<Item> items;
    items.push_back(std::move(item));
    finish(items);
    lock.lock();
    busy_ = false;
    checkpoint_due_ = log_pages_ >= kCheckpointPages;
    if (queue_.empty() && !checkpoint_due_) return;
  } else {
    queue_.push_back(std::move(item));
    if (queue_.size() > 1 || busy_) return;  // it has been told, or looks again by itself
  }
  lock.unlock();
  arrived_.notify_one();
}

void Writer::loop() {
  std::vector<Item> items;
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock,
                  [this] { return !busy_ && (stopping_ || checkpoint_due_ || !queue_.empty()); });
    if (queue_.empty() && !checkpoint_due_) return;
    items.swap(queue_);
    busy_ = true;
    lock.unlock();
    if (!items.empty()) finish(items);
    items.clear();
    if (log_pages_ >= kCheckpointPages) checkpoint();
    lock.lock();
    busy_ = checkpoint_due_ = false;
  }
}

void Writer::finish(std::vector<Item>& items) {
  const Result<void> result = commit(items);
  for (const Item& item : items) {
    if (item.done) item.done(result);
  }
  if (!std::exchange(happened_, false) || !result) return;
  const std::lock_guard lock(telling_);
  if (tell_) tell_();
}

/// Passive: takes what no reader needs any more. Where it fails (a full disk), commits will say so.
void Writer::checkpoint() {
  log_pages_ = 0;
  sqlite3_wal_checkpoint_v2(connection_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                            nullptr);
}

Result<void> Writer::commit(std::vector<Item>& items) {
  if (failure_) return tl::unexpected(*failure_);
  Result<void> result = connection_.execute("BEGIN IMMEDIATE", "cannot write to");
  if (result) result = write(items);
  if (result) result = connection_.execute("COMMIT", "cannot write to");
  if (result) return result;
  // Whatever the rollback says, the first reason is the one to tell.
  sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  failure_ = Error{fmt::format("nothing is recorded any more: {}", result.error().message)};
  return tl::unexpected(*failure_);
}

Result<void> Writer::write(std::vector<Item>& items) {
  for (Item& item : items) {
    Result<void> result =
        item.task ? item.task(connection_) : tables_->write(connection_, item.batch);
    if (!result) return result;
  }
  return {};
}

}  // namespace scanflow::store
