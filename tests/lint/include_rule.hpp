// The include rule: which folder may include which. Pure: text in, violations out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::lint {

/// Where an include stands and what it names, as written between the quotes or brackets.
struct Include {
  int line = 0;
  std::string target;
  bool quoted = false;
};

/// Path from the repository's root ("engine/run/event.hpp") -> the file's text.
using Tree = std::map<std::string, std::string>;

/// All includes of one file; those in comments do not count.
std::vector<Include> includes_of(std::string_view text);

/// The folder of the table that a path belongs to: the longest that fits, or empty.
/// "plugins/steps/torch/train.cpp" belongs to "plugins".
std::string folder_of(std::string_view path);

/// Arrows that the table does not have, quoted includes that are not written from the root, headers
/// of other libraries where they are banned (also through our own headers), and cycles of files.
/// Each is one line: "file:line: what (why, and the fix)"; sorted.
std::vector<std::string> violations(const Tree& tree);

/// The cycle of folders that the table itself would allow ("a -> b -> a"), or empty.
std::string cycle_in_table();

/// Reads *.h, *.hpp, *.c, *.cpp under sdk, sidecar, engine and plugins; not the SDK's templates,
/// which are sources of other projects.
Tree read_tree(const std::string& root);

}  // namespace scanflow::lint
