#include <fmt/format.h>

#include <array>
#include <optional>

#include "sidecar/protocol/codec.hpp"
#include "sidecar/protocol/stream.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/weight.hpp"

namespace scanflow::fuzz {
namespace {

/// The most memory that one byte can ask for: an empty array that stands for a series.
constexpr std::size_t kWeightOfAByte = 2 * sizeof(protocol::Series);
constexpr std::size_t kWeightOfNothing = 4096;

std::string encoded(const protocol::Message& message) {
  std::string bytes;
  protocol::encode(message, bytes);
  return bytes;
}

/// All messages of a stream that is fed in pieces of so many bytes, each written again; then the
/// error, where there is one.
std::string read(std::string_view input, std::size_t piece) {
  protocol::Stream stream;
  std::string all;
  const auto take = [&] {
    for (;;) {
      const auto message = stream.next();
      if (!message) all += "error: " + message.error().message;
      if (!message) return false;
      if (!*message) return true;
      all += encoded(**message) + "\n";
    }
  };
  while (!input.empty()) {
    stream.feed(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    if (!take()) break;
  }
  return all;
}

}  // namespace

void decode(std::string_view input) {
  const auto header = protocol::decode_header(input);
  const auto message = protocol::decode(input);
  if (!message) return must(!message.error().message.empty(), "an error without a word");
  must(header.has_value(), "a message is read whose header is not");
  if (!*message) return;
  must(weight(**message) <= kWeightOfNothing + kWeightOfAByte * input.size(),
       "a message takes more memory than its bytes allow");
  const std::string once = encoded(**message);
  const auto again = protocol::decode(once);
  must(again && *again, "what was written cannot be read");
  must((*again)->body.index() == (*message)->body.index(), "it has become another message");
  must(encoded(**again) == once, "what was written is read as something else");
}

void stream(std::string_view input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<unsigned char>(input.front()) % 16;
  input.remove_prefix(1);
  must(read(input, piece) == read(input, input.size()), "it matters where a stream is cut");
}

}  // namespace scanflow::fuzz
