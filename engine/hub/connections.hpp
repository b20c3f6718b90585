// The TCP connections of a socket, as libzmq's monitor tells of them: how many there are, and what each
// sends. A message of ever more frames is whole only at its end, and no mark of libzmq's bounds it: what
// arrives faster than it is read, or is never a message, ends its connection here. [the hub's thread,
// but count()]
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace scanflow::hub {

class Connections {
 public:
  using Odd = std::function<void(const char* what)>;

  /// Watches a socket that is not bound yet. odd: something that should not be, told within members.
  Connections(zmq::context_t& context, zmq::socket_t& watched, Odd odd);

  /// A message has come by this one (ZMQ_SRCFD) of so many bytes.
  void heard(int fd, std::size_t bytes);
  /// Reads what the monitor says, and looks at some of the connections; each has its turn within a
  /// second where tick() is called ten times in it.
  void tick();

  /// [any-thread]
  std::size_t count() const { return count_; }

 private:
  struct Connection {
    bool open = false;
    std::uint64_t taken = 0;  // bytes that were heard, and what wraps them
  };

  void read_monitor();
  void happened(std::uint16_t event, std::uint32_t value);
  void look(int fd, Connection& connection);

  zmq::socket_t monitor_;
  const Odd odd_;
  std::vector<Connection> connections_;  // by descriptor
  std::size_t next_ = 0;                 // to be looked at
  std::atomic<std::size_t> count_ = 0;
};

/// Raises the limit of open files of this process to what it may be. An error: that is too few for so
/// many connections.
std::string raise_file_limit(std::size_t connections);

}  // namespace scanflow::hub
