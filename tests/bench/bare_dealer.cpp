// Nothing but libzmq, as an anchor for the sidecar: a DEALER that sends so many bytes a second, as the
// sidecar's telemetry does. bare_dealer ENDPOINT; bare_dealer --router ENDPOINT is the other end. Each
// prints a line when it is ready; ended by a signal.
#include <poll.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <zmq.hpp>

namespace {

constexpr std::size_t kBytes = 1300;  // what 10 processes make of a batch, about
constexpr int kEveryMs = 1000;

int answer(const char* endpoint) {
  zmq::context_t context;
  zmq::socket_t socket(context, ZMQ_ROUTER);
  socket.bind(endpoint);
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    zmq::message_t id, bytes;
    if (!socket.recv(id) || !socket.recv(bytes)) return 1;
    socket.send(id, zmq::send_flags::sndmore);
    socket.send(zmq::str_buffer("ok"), zmq::send_flags::none);
  }
}

int say(const char* endpoint) {
  zmq::context_t context;
  zmq::socket_t socket(context, ZMQ_DEALER);
  socket.connect(endpoint);
  const std::string bytes(kBytes, 'x');
  for (bool first = true;; first = false) {
    socket.send(zmq::buffer(bytes), zmq::send_flags::none);
    zmq::message_t reply;
    if (!socket.recv(reply)) return 1;
    if (first) std::puts("ready");
    std::fflush(stdout);
    ::poll(nullptr, 0, kEveryMs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string_view(argv[1]) == "--router") return answer(argv[2]);
    if (argc == 2) return say(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_dealer: %s\n", error.what());
    return 1;
  }
  std::fputs("bare_dealer [--router] ENDPOINT\n", stderr);
  return 2;
}
