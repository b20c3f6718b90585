#include "sidecar/protocol/stream.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace scanflow::protocol {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kReadBytes = 1u << 16;

std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

void put_length(std::string& out, std::size_t at, std::uint32_t length) {
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    out[at + i] = static_cast<char>((length >> (8 * i)) & 0xff);
  }
}

std::uint32_t get_length(const char* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return length;
}

}  // namespace

void append_frame(const Message& message, std::string& out) {
  const std::size_t at = out.size();
  out.append(kLengthBytes, '\0');
  encode(message, out);
  put_length(out, at, static_cast<std::uint32_t>(out.size() - at - kLengthBytes));
}

void FrameReader::append(std::string_view bytes) {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  } else if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

scanflow::Result<std::optional<std::string_view>> FrameReader::next() {
  const std::size_t have = buffer_.size() - begin_;
  if (have < kLengthBytes) return std::optional<std::string_view>();
  const std::uint32_t length = get_length(buffer_.data() + begin_);
  if (length > kMaxMessageBytes) {
    return fail(
        fmt::format("a frame of {} bytes is over the limit of {}", length, kMaxMessageBytes));
  }
  if (have - kLengthBytes < length) return std::optional<std::string_view>();
  const std::string_view frame(buffer_.data() + begin_ + kLengthBytes, length);
  begin_ += kLengthBytes + length;
  return std::optional<std::string_view>(frame);
}

void Stream::queue(Body body) {
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  Message message;
  message.header.boot_id = boot_id_;
  message.header.seq = ++seq_;
  message.header.ack = handled_;
  message.header.t_mono_us = monotonic_us();
  message.body = std::move(body);
  append_frame(message, out_);
}

Flow Stream::flush(int fd) {
  while (sent_ < out_.size()) {
    const ssize_t n =
        ::send(fd, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (sent_ > out_.size() / 2) {
        out_.erase(0, sent_);
        sent_ = 0;
      }
      return Flow::open;
    } else if (errno != EINTR) {
      return Flow::closed;
    }
  }
  out_.clear();
  sent_ = 0;
  return Flow::open;
}

Flow Stream::fill(int fd) {
  std::array<char, kReadBytes> buffer;
  for (;;) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) {
      in_.append({buffer.data(), static_cast<std::size_t>(n)});
      if (static_cast<std::size_t>(n) < buffer.size()) return Flow::open;
    } else if (n == 0) {
      return Flow::closed;
    } else if (errno == EAGAIN) {
      return Flow::open;
    } else if (errno != EINTR) {
      return Flow::closed;
    }
  }
}

scanflow::Result<std::optional<Message>> Stream::next() {
  for (;;) {
    const auto frame = in_.next();
    if (!frame) return tl::unexpected<Error>(frame.error());
    if (!*frame) return std::optional<Message>();
    auto message = decode(**frame);
    if (!message) return message;
    if (!*message) continue;  // a type of a newer version
    handled_ = (*message)->header.seq;
    return message;
  }
}

scanflow::Result<void> send(int fd, Stream& stream, Body body) {
  stream.queue(std::move(body));
  while (stream.pending()) {
    if (stream.flush(fd) == Flow::closed) return fail("the other side closed the connection");
    if (!stream.pending()) break;
    pollfd wait{fd, POLLOUT, 0};
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR) {
      return fail("cannot wait for a socket: " + std::generic_category().message(errno));
    }
  }
  return {};
}

scanflow::Result<std::optional<Message>> receive(int fd, Stream& stream) {
  for (;;) {
    auto message = stream.next();
    if (!message || *message) return message;
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, -1) < 0) {
      if (errno == EINTR) continue;
      return fail("cannot wait for a socket: " + std::generic_category().message(errno));
    }
    if (stream.fill(fd) == Flow::closed) {
      message = stream.next();
      if (!message || *message) return message;
      return std::optional<Message>();
    }
  }
}

}  // namespace scanflow::protocol
