// A strand as the engine has one: an io_context and its thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <thread>

namespace scanflow::test {

class Strand {
 public:
  Strand() = default;
  ~Strand() {
    work_.reset();
    thread_.join();
  }
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  boost::asio::io_context& context() { return context_; }

  /// Returns when `call` has run on the strand.
  void run(const std::function<void()>& call) {
    if (context_.get_executor().running_in_this_thread()) return call();
    std::packaged_task<void()> task(call);
    auto done = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    done.get();
  }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::thread thread_{[this] { context_.run(); }};
};

}  // namespace scanflow::test
