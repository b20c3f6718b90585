// The network namespace of a process, and file systems: what is the Pod's, not one workload's.
#pragma once

#include <string>
#include <string_view>

#include "sidecar/collect/files.hpp"
#include "sidecar/collect/metrics.hpp"
#include "sidecar/collect/notes.hpp"

namespace scanflow::collect {

/// `process`: /proc/PID of someone in the namespace ("self"). Files net/dev, net/snmp, net/netstat.
void read_network(const Directory& process, FileBuffer& buffer, Notes& notes, Values& values);

/// Sums all interfaces but lo. False: not in the form known.
bool parse_net_dev(std::string_view text, Values& values);
/// A file of line pairs, names above numbers: the number of `name` in the lines of `prefix`
/// ("Tcp:").
std::optional<double> parse_net_pairs(std::string_view text, std::string_view prefix,
                                      std::string_view name);

/// statvfs of a path; blocks as long as a file system of a network that hangs does: give none such.
void read_volume(const std::string& path, Notes& notes, Values& values);

}  // namespace scanflow::collect
