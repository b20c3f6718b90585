#include "engine/store/writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/store/tables.hpp"

namespace scanflow::store {

Result<std::unique_ptr<Writer>> Writer::start(Connection connection) {
  auto tables = Tables::prepare(connection);
  if (!tables) return tl::unexpected(tables.error());
  return std::unique_ptr<Writer>(new Writer(std::move(connection), std::move(*tables)));
}

Writer::Writer(Connection connection, std::unique_ptr<Tables> tables)
    : connection_(std::move(connection)), tables_(std::move(tables)) {
  thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void Writer::push(Batch batch, Done done) { push(Item{std::move(batch), {}, std::move(done)}); }
void Writer::push(Task task, Done done) { push(Item{{}, std::move(task), std::move(done)}); }

void Writer::push(Item item) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = queue_.empty();
    queue_.push_back(std::move(item));
  }
  if (was_empty) arrived_.notify_one();
}

void Writer::loop() {
  std::vector<Item> items;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      items.swap(queue_);
    }
    const Result<void> result = commit(items);
    for (const Item& item : items) {
      if (item.done) item.done(result);
    }
    items.clear();
  }
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
