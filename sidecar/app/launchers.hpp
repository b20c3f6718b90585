// The Unix socket of those who start attempts: a supervisor, a step host, `scanflow-exec`.
// sidecar/protocol/README.md ("Between sidecar and launcher") says what is said.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/loop/loop.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::sidecar {

class Launchers {
 public:
  using Id = std::uint64_t;  // of a connection

  struct Events {
    std::function<void(Id, protocol::Body&)> message;
    /// The connection has ended: the launcher is gone, and with it what it started.
    std::function<void(Id)> gone;
  };

  static Result<std::unique_ptr<Launchers>> listen(Loop& loop, const std::string& path,
                                                   Events events);
  ~Launchers();
  Launchers(const Launchers&) = delete;
  Launchers& operator=(const Launchers&) = delete;

  /// False: it is gone.
  bool tell(Id launcher, protocol::Body body);
  std::size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    UniqueFd fd;
    protocol::Stream stream;
    Loop::Watch reading, writing;
  };

  Launchers(Loop& loop, std::string path, UniqueFd listener, Events events);
  void accept();
  void read(Id id);
  void write(Id id);
  void drop(Id id);

  Loop& loop_;
  const std::string path_;
  const Events events_;
  UniqueFd listener_;
  Loop::Watch accepting_;
  std::map<Id, std::unique_ptr<Peer>> peers_;
  Id last_ = 0;
};

}  // namespace scanflow::sidecar
