// Messages over a byte stream: frames of a u32 little-endian length and as many bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::protocol {

/// Appends the message as one frame.
void append_frame(const Message& message, std::string& out);

/// Cuts what arrives into frames.
class FrameReader {
 public:
  void append(std::string_view bytes);
  /// The next whole frame's bytes, valid until the next call of any member; nothing where more must
  /// arrive first. An error (a frame over the bound) is final: the stream is out of step.
  scanflow::Result<std::optional<std::string_view>> next();
  bool empty() const { return begin_ == buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// What a read or write came to.
enum class Flow { open, closed };

/// Both directions of a socket; flush and fill never block. Owns no descriptor. Not thread-safe.
class Stream {
 public:
  explicit Stream(std::string boot_id = {}) : boot_id_(std::move(boot_id)) {}

  /// Queues a message; its header gets the next number, the sender's boot id and the clock.
  void queue(Body body);
  /// Writes what is queued, as far as the socket takes it. `closed`: the other side is gone.
  Flow flush(int fd);
  bool pending() const { return sent_ < out_.size(); }
  std::size_t pending_bytes() const { return out_.size() - sent_; }

  /// Reads what is there. After `closed`, next() still gives what had arrived.
  Flow fill(int fd);
  /// Takes bytes that came another way: beside a descriptor.
  void feed(std::string_view bytes) { in_.append(bytes); }
  /// The next message that this version knows. Errors are final.
  scanflow::Result<std::optional<Message>> next();

 private:
  std::string boot_id_;
  std::string out_;
  std::size_t sent_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t handled_ = 0;  // the other side's highest number
  FrameReader in_;
};

/// Blocking: writes the whole message.
scanflow::Result<void> send(int fd, Stream& stream, Body body);
/// Blocking: the next message; nothing at the end of the stream.
scanflow::Result<std::optional<Message>> receive(int fd, Stream& stream);

}  // namespace scanflow::protocol
