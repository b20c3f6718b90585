#include "tests/fuzz/script.hpp"

#include <algorithm>
#include <limits>

namespace scanflow::fuzz {

std::uint64_t Script::number() {
  const std::uint8_t kind = byte();
  if (kind < 0xf0) return kind % 32;
  std::uint64_t wide = 0;
  switch (kind & 7) {
    case 0:
      return std::numeric_limits<std::uint64_t>::max();
    case 1:
      return std::numeric_limits<std::int64_t>::max();
    case 2:
      return std::uint64_t{1} << 63;
    case 3:
      return std::numeric_limits<std::uint32_t>::max();
    default:
      for (int i = 0; i < 8; ++i) wide = wide << 8 | byte();
      return wide;
  }
}

std::string_view Script::text(std::size_t most) {
  const std::string_view found = bytes_.substr(0, below(most + 1));
  bytes_.remove_prefix(found.size());
  return found;
}

protocol::Header Script::header() {
  protocol::Header made;
  if (below(16) == 15) made.major = byte();
  made.pod_uid = name();
  made.boot_id = name();
  made.term = number();
  made.seq = number();
  made.ack = number();
  made.t_mono_us = signed_number();
  return made;
}

protocol::Telemetry Script::telemetry() {
  protocol::Telemetry made;
  made.first = number();
  made.produced = number();
  made.dropped = number();
  made.time_us = signed_number();
  for (std::size_t i = below(4); i > 0; --i)
    made.series.push_back({static_cast<std::uint32_t>(number()), name(), name(), {}});
  const std::size_t count = below(6);
  for (std::size_t i = 0; i < count; ++i) {
    made.numbers.push_back(static_cast<std::uint32_t>(number()));
    made.times.push_back(signed_number());
    made.values.push_back(static_cast<double>(byte()));
  }
  if (below(8) == 7) made.times.emplace_back();
  return made;
}

protocol::Body Script::body() {
  const protocol::AttemptId id{name(), name(), 1};
  switch (below(14)) {
    case 0:
      return protocol::Hello{.role = below(8) == 7 ? name() : "sidecar",
                             .telemetry = {number(), number(), number()},
                             .spool = name(),
                             .oldest = number()};
    case 1:
      return protocol::Welcome{signed_number(), signed_number(), signed_number(), number(),
                               static_cast<std::uint32_t>(number())};
    case 2:
      return protocol::Heartbeat{{number(), number(), number()}, number()};
    case 3:
      return protocol::Credit{number()};
    case 4:
      return telemetry();
    case 5: {
      std::string inner;
      if (below(4) != 3) protocol::encode({{}, protocol::Outcome{.id = name()}}, inner);
      return protocol::Deliver{name(), number(), {inner}};
    }
    case 6:
      return protocol::Delivered{name(), number()};
    case 7:
      return protocol::Command{name(), number(), id, name(), "{}", signed_number()};
    case 8:
      return protocol::Received{name()};
    case 9:
      return protocol::Goodbye{name()};
    case 10:
      return protocol::Reject{name()};
    case 11:
      return protocol::Started{.id = id};
    case 12:
      return protocol::Offers{.id = id};
    default:
      return protocol::Outcome{.id = name()};
  }
}

std::string mutated(Script& script, std::string bytes) {
  for (std::size_t i = script.below(4); i > 0 && !bytes.empty(); --i) {
    const std::size_t at = script.number() % bytes.size();
    switch (script.below(4)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, script.text(8));
        break;
      default:
        bytes[at] = static_cast<char>(script.byte());
    }
  }
  return bytes;
}

}  // namespace scanflow::fuzz
