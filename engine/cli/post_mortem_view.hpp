// Why a step failed, as its sidecar saw it, for people. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/cli/pictures.hpp"

namespace scanflow::cli {

/// What is known of the end of an attempt beside its message.
struct Ended {
  nlohmann::json post_mortem;  // sidecar/app/post_mortem_json.hpp; perhaps only "last_lines"
  std::string message;         // shown above: what it says is not said again
  std::string cause;           // "oom", "crash", ...
  std::string retry;           // the command that goes on from its checkpoint; "": none does
};

/// Lines with an indent of two, each with its end: figures, curves, last lines, checkpoint. "" where
/// nothing more is known. `columns`: of the terminal; 0: nothing has to be cut.
std::string post_mortem_lines(const Ended& ended, std::size_t columns, Letters letters);

/// The same in one line, without what it wrote last: "growing 9.0 MiB/s for 41 s  memory ▁▃▆█ ...".
std::string post_mortem_line(const Ended& ended, Letters letters);

}  // namespace scanflow::cli
