// The inside of a server: its thread, its connections. Private to engine/http.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/http/session.hpp"

namespace scanflow::http {

/// What clients that do not read may cost the end of a server.
inline constexpr std::chrono::seconds kServerLastWords{1};
/// Where a connection cannot be accepted (out of descriptors).
inline constexpr std::chrono::milliseconds kServerAcceptAgain{100};

struct Server::Impl {
  explicit Impl(Options chosen) { serving.options = std::move(chosen); }

  ~Impl() {
    if (!thread.joinable()) return;
    hear_no_more();
    boost::asio::post(io,
                      [this] { keep_alive.reset(); });  // the thread ends with the last connection
    if (ended.wait_for(kServerLastWords) == std::future_status::timeout) io.stop();
    thread.join();
    serving.handler = nullptr;  // what it holds may be connections of `io`
    serving.admit = nullptr;
    serving.disk.join();  // what it does last is told to connections, which are gone with `io`
  }

  void start(Handler answers, Admit admits) {
    serving.handler = std::move(answers);
    serving.admit = std::move(admits);
    accept();
    // What would leave a server deaf, with the kernel still taking connections for it, ends the process.
    std::packaged_task<void()> run([this]() noexcept { io.run(); });
    ended = run.get_future();
    thread = std::thread(std::move(run));
  }

  void accept() {
    acceptor.async_accept([this](boost::system::error_code error,
                                 boost::asio::generic::stream_protocol::socket socket) {
      if (error == boost::asio::error::operation_aborted) return;
      if (error) return accept_later();
      std::erase_if(sessions, [](const auto& session) { return session.expired(); });
      const auto session = Session::make(std::move(socket), serving);
      if (sessions.size() >= serving.options.limits.connections && !make_room()) {
        session->turn_away();
      } else {
        sessions.push_back(session);
        session->start();
      }
      accept();
    });
  }

  /// Whoever has been idle for longest gives way.
  bool make_room() {
    std::shared_ptr<Session> longest;
    for (const auto& weak : sessions) {
      const auto session = weak.lock();
      if (!session || !session->idle_since()) continue;
      if (!longest || *session->idle_since() < *longest->idle_since()) longest = session;
    }
    if (longest) longest->close();
    return longest != nullptr;
  }

  void accept_later() {
    later.expires_after(kServerAcceptAgain);
    later.async_wait([this](boost::system::error_code error) {
      if (!error) accept();
    });
  }

  void hear_no_more() {
    std::promise<void> deaf;
    boost::asio::post(io, [&] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      later.cancel();
      for (const auto& weak : sessions) {
        if (const auto session = weak.lock()) session->hear_no_more();
      }
      deaf.set_value();
    });
    deaf.get_future().wait();
  }

  Serving serving;
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_alive{
      io.get_executor()};
  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor{io};
  boost::asio::steady_timer later{io};
  std::vector<std::weak_ptr<Session>> sessions;
  std::string address;
  std::future<void> ended;  // of the thread
  std::thread thread;
};

}  // namespace scanflow::http
