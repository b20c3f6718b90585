// The one thread that writes: takes everything that is queued, commits it in one transaction, then
// tells those who wait. Private to engine/store.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/store/sqlite.hpp"
#include "engine/store/store.hpp"

namespace scanflow::store {

class Tables;

class Writer {
 public:
  using Done = Store::Done;
  /// Runs inside the transaction. [writer's thread]
  using Task = std::function<Result<void>(Connection&)>;

  static Result<std::unique_ptr<Writer>> start(Connection connection);
  ~Writer();  // commits what is queued
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// [any-thread]
  void push(Batch batch, Done done);
  void push(Task task, Done done);

 private:
  struct Item {
    Batch batch;
    Task task;  // or none
    Done done;
  };

  Writer(Connection connection, std::unique_ptr<Tables> tables);
  void push(Item item);
  void loop();
  Result<void> commit(std::vector<Item>& items);
  Result<void> write(std::vector<Item>& items);

  // Of the writer's thread.
  Connection connection_;
  std::unique_ptr<Tables> tables_;
  std::optional<Error> failure_;  // sticky: after a gap nothing may follow

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Item> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace scanflow::store
