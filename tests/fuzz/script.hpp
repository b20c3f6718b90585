// A fuzzer's bytes as a script: numbers small enough to meet each other, texts of few letters, and
// messages that are valid, nearly valid, or anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/protocol/codec.hpp"

namespace scanflow::fuzz {

class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  /// Small ones mostly; sometimes at the ends of what there is.
  std::uint64_t number();
  std::int64_t signed_number() { return static_cast<std::int64_t>(number()); }
  std::size_t below(std::size_t n) { return byte() % n; }
  /// One of few, so that it is sometimes the one that the other side knows.
  std::string name() { return std::string(1, static_cast<char>('a' + below(4))); }
  std::string_view text(std::size_t most);

  protocol::Header header();
  /// Of any type that passes between sidecar and hub.
  protocol::Body body();
  protocol::Telemetry telemetry();

 private:
  std::string_view bytes_;
};

/// A valid message with some of its bytes changed, as the script says.
std::string mutated(Script& script, std::string bytes);

}  // namespace scanflow::fuzz
