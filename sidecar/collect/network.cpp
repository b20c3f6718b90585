#include "sidecar/collect/network.hpp"

#include <sys/statvfs.h>

#include <array>
#include <cerrno>

#include "sidecar/collect/text.hpp"

namespace scanflow::collect {

using M = Metric;

bool parse_net_dev(std::string_view text, Values& values) {
  take_line(text);
  take_line(text);
  bool any = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line.substr(0, colon), rest = line.substr(colon + 1);
    name = take_word(name);
    std::array<std::uint64_t, 12> fields{};  // received: bytes packets errs drop...; sent from 8 on
    bool whole = true;
    for (std::uint64_t& field : fields) {
      const auto number = take_number(rest);
      whole = whole && number;
      field = number.value_or(0);
    }
    if (!whole) continue;
    any = true;
    const double share = name == "lo" ? 0 : 1;
    values.add(M::network_received, share * static_cast<double>(fields[0]));
    values.add(M::network_receive_dropped, share * static_cast<double>(fields[3]));
    values.add(M::network_sent, share * static_cast<double>(fields[8]));
    values.add(M::network_send_dropped, share * static_cast<double>(fields[11]));
  }
  return any;
}

std::optional<double> parse_net_pairs(std::string_view text, std::string_view prefix,
                                      std::string_view name) {
  while (!text.empty()) {
    std::string_view names = take_line(text);
    if (take_word(names) != prefix) continue;
    std::string_view numbers = take_line(text);
    if (take_word(numbers) != prefix) return std::nullopt;
    while (!names.empty()) {
      const std::string_view at = take_word(names);
      const std::string_view number = take_word(numbers);
      if (at == name && !at.empty()) return number_of<double>(number);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

void read_network(const Directory& process, FileBuffer& buffer, Notes& notes, Values& values) {
  const Text devices = buffer.read(process, "net/dev");
  if (!devices) {
    if (!is_gone(devices.error)) notes.unreadable(Source::network, "net/dev", devices.error);
  } else if (!parse_net_dev(devices.text, values)) {
    notes.odd(Source::network, "net/dev");
  }
  struct Pair {
    const char* file;
    std::string_view prefix, name;
    Metric metric;
  };
  static constexpr std::array<Pair, 4> kPairs = {
      {{"net/snmp", "Tcp:", "OutSegs", M::tcp_sent_segments},
       {"net/snmp", "Tcp:", "RetransSegs", M::tcp_retransmits},
       {"net/netstat", "TcpExt:", "ListenOverflows", M::tcp_listen_overflows},
       {"net/netstat", "TcpExt:", "ListenDrops", M::tcp_listen_drops}}};
  std::string_view file;
  Text text;
  for (const Pair& pair : kPairs) {
    if (file != pair.file) text = buffer.read(process, pair.file);
    file = pair.file;
    if (!text) {
      if (!is_gone(text.error)) notes.unreadable(Source::sockets, file, text.error);
      continue;
    }
    const auto value = parse_net_pairs(text.text, pair.prefix, pair.name);
    if (!value) notes.odd(Source::sockets, file);
    values.set(pair.metric, value);
  }
}

void read_volume(const std::string& path, Notes& notes, Values& values) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) {
    return notes.unreadable(Source::volume, path, errno);
  }
  const auto unit = static_cast<double>(status.f_frsize);
  values.set(M::volume_size, static_cast<double>(status.f_blocks) * unit);
  values.set(M::volume_available, static_cast<double>(status.f_bavail) * unit);
  if (status.f_files == 0) return;
  values.set(M::volume_inodes, static_cast<double>(status.f_files));
  values.set(M::volume_inodes_free, static_cast<double>(status.f_ffree));
}

}  // namespace scanflow::collect
