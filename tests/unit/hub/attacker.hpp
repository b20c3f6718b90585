// A process that means ill: what it takes of memory is its own, and it can be stopped at any time.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <zmq.hpp>

#include "tests/support/keys.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::test {

class Attacker {
 public:
  /// A connection to the hub, with a key that it knows, and what is said by it.
  struct Line {
    zmq::socket_t socket;
    std::string pod;
    std::uint64_t seq = 0;

    std::string next(protocol::Body body, const std::string& boot = "b") {
      protocol::Header header;
      header.pod_uid = pod;
      header.boot_id = boot;
      header.seq = ++seq;
      return encoded(header, std::move(body));
    }
    void send(const std::string& bytes) { socket.send(zmq::buffer(bytes), zmq::send_flags::none); }
    void say(protocol::Body body) { send(next(std::move(body))); }
    void greet() { say(protocol::Hello{.role = "sidecar", .spool = "s"}); }
    void drain() {
      for (zmq::message_t each; socket.recv(each, zmq::recv_flags::dontwait);) continue;
    }
  };
  struct Way {
    std::string endpoint, hub_key, open, secret;
    Line line(zmq::context_t& context, const std::string& pod) const {
      Line made{{context, zmq::socket_type::dealer}, pod};
      made.socket.set(zmq::sockopt::linger, 0);
      if (!hub_key.empty()) {
        made.socket.set(zmq::sockopt::curve_serverkey, hub_key);
        made.socket.set(zmq::sockopt::curve_publickey, open);
        made.socket.set(zmq::sockopt::curve_secretkey, secret);
      }
      made.socket.connect(endpoint);
      return made;
    }
  };

  /// Does it in a process of its own, until it is stopped. No socket of this process may be open yet
  /// that it would inherit in use.
  explicit Attacker(const std::function<void(zmq::context_t&, const Way&)>& attack) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[1]);
      char text[1024] = {};
      const ssize_t size = ::read(ends[0], text, sizeof text - 1);
      if (size > 0) run(attack, text);
      ::_exit(0);
    }
    ::close(ends[0]);
    tell_ = ends[1];
  }
  ~Attacker() {
    ::close(tell_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;

  void begin(const Way& way) const {
    const std::string text =
        way.endpoint + "\n" + way.hub_key + "\n" + way.open + "\n" + way.secret + "\n";
    if (::write(tell_, text.data(), text.size()) < 0) throw std::runtime_error("it is gone");
  }

 private:
  static void run(const std::function<void(zmq::context_t&, const Way&)>& attack,
                  const char* text) {
    Way way;
    std::istringstream in(text);
    for (std::string* each : {&way.endpoint, &way.hub_key, &way.open, &way.secret})
      std::getline(in, *each);
    zmq::context_t context;
    try {
      for (;;) attack(context, way);
    } catch (const std::exception&) {
      return;
    }
  }

  pid_t child_ = -1;
  int tell_ = -1;
};

}  // namespace scanflow::test
