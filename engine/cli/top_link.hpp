// How `scanflow top` asks: one connection, made anew where it ends, and a thread that asks so that the
// screen never waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/cli/connection.hpp"
#include "engine/cli/context.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::cli {

/// [one-thread]
class TopLink {
 public:
  TopLink(const Context& context, runtime::StateDirectory state)
      : context_(context), state_(std::move(state)) {}

  /// The answer to a request of engine_socket.hpp. Where the engine ends, the next one is waited for,
  /// for some seconds, while `goes_on` says so. Its error ends the view where `gone()`.
  api::Answer<nlohmann::json> ask(const nlohmann::json& request,
                                  const std::function<bool()>& goes_on);
  /// There is no engine, or none that answers.
  bool gone() const { return connection_ == nullptr; }

 private:
  bool connect(const std::function<bool()>& goes_on);
  runtime::Update answer(const std::function<bool()>& goes_on);
  api::Failure no_engine() const;

  const Context& context_;
  runtime::StateDirectory state_;
  std::unique_ptr<Connection> connection_;
  bool had_one_ = false;
  api::Failure why_{};
};

/// Asks for what runs each `every`, and for what else it is told to, on a thread of its own.
class TopSource {
 public:
  struct News {
    nlohmann::json answer;  // {"top": ...} or {"command": ...}; null: `problem` says why
    std::string about;      // as of ask(); "": of what runs
    api::Failure problem{};
    bool over = false;  // nothing more will come
  };
  TopSource(TopLink link, std::chrono::milliseconds every);
  ~TopSource();

  /// `about`: the words for it, which come back with its answer. What runs is asked for right behind.
  void ask(nlohmann::json request, std::string about);
  std::vector<News> take();
  /// Readable while there is something to take.
  int fd() const { return filled_.get(); }

 private:
  struct Wanted {
    nlohmann::json request;
    std::string about;
  };
  void run();
  void tell(News news);
  bool ended();

  TopLink link_;
  const std::chrono::milliseconds every_;
  UniqueFd filled_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Wanted> wanted_;
  std::vector<News> news_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace scanflow::cli
