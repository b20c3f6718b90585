// The names rule: sources of a folder are compiled several at a time, so that what their anonymous namespaces hold is
// in one scope. Two of one name would be an error, or worse: another overload than its own file means.
#pragma once

#include <string>
#include <vector>

#include "tests/lint/include_rule.hpp"

namespace scanflow::lint {

/// Names of functions, types and constants of anonymous namespaces that another source of the folder has too. Each is
/// one line: "file:line: NAME is ... too"; sorted. Sources are as clang-format leaves them: what belongs to a namespace
/// begins its line.
std::vector<std::string> names_twice(const Tree& tree);

}  // namespace scanflow::lint
