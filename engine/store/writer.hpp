// What writes: a thread that takes everything that is queued, commits it in one transaction, then
// tells those who wait. A few rows that meet an idle writer are committed by whoever brings them:
// two thread switches cost more than they do. Private to engine/store.
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
  /// Runs inside the transaction.
  using Task = std::function<Result<void>(Connection&)>;

  /// `at_once`: push() may commit a few rows itself; not where a commit waits for the disk.
  static Result<std::unique_ptr<Writer>> start(Connection connection, bool at_once);
  ~Writer();
  /// Commits what is queued. Nothing may be pushed after it.
  void stop();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// [any-thread]
  void push(Batch batch, Done done);
  void push(Task task, Done done);
  /// As Store::on_happening.
  void on_happening(std::function<void()> tell);

 private:
  struct Item {
    Batch batch;
    Task task;  // or none
    Done done;
  };

  Writer(Connection connection, std::unique_ptr<Tables> tables, bool at_once);
  void push(Item item);
  void loop();
  void finish(std::vector<Item>& items);
  Result<void> commit(std::vector<Item>& items);
  Result<void> write(std::vector<Item>& items);
  void checkpoint();

  // Of whoever has set busy_.
  Connection connection_;
  std::unique_ptr<Tables> tables_;
  std::optional<Error> failure_;  // sticky: after a gap nothing may follow
  int log_pages_ = 0;             // in the write-ahead log
  bool happened_ = false;         // in this transaction: there is a new row in happenings

  std::mutex telling_;
  std::function<void()> tell_;

  const bool at_once_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::vector<Item> queue_;
  bool busy_ = false;  // somebody commits
  bool checkpoint_due_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace scanflow::store
