// A container's log as conmon writes it (driver k8s-file): "TIME stdout F text" lines; P instead of F: the line goes on
// in the next record of its stream. Read here and not by `podman logs --tail`, which drops a last line without an end. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scanflow::podman {

/// The last `lines` lines of both streams, in the order in which they were written.
/// `text`: the file, or its end: a record whose beginning is cut off is left out.
std::string last_lines(std::string_view text, std::size_t lines);

}  // namespace scanflow::podman
