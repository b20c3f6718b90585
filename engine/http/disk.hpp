// What reads and writes files is not done on the HTTP thread: a slow disk would hold up all connections. Private to
// engine/http.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <utility>

namespace scanflow::http {

/// Of a body in a file, as it is read and written.
constexpr std::size_t kPieceBytes = 256u << 10;

/// Does `work` on the disk's threads, and calls `then` with what comes of it on `executor`.
template <class Executor, class Work, class Then>
void on_disk(boost::asio::thread_pool& disk, const Executor& executor, Work work, Then then) {
  boost::asio::post(disk, [guard = boost::asio::make_work_guard(executor), work = std::move(work),
                           then = std::move(then)]() mutable {
    auto done = work();
    boost::asio::post(
        guard.get_executor(),
        [done = std::move(done), then = std::move(then)]() mutable { then(std::move(done)); });
  });
}

}  // namespace scanflow::http
