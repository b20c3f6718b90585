// The checker that each plugin's ctest runs: does a library keep the rules of the boundary?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scanflow::loader {

/// One line per rule that the library breaks; empty: all kept. Loads the library: call it in a
/// process of its own.
std::vector<std::string> check_library(const std::filesystem::path& library);

/// The names that a shared library exports (its dynamic symbol table, defined and not local).
/// Throws std::runtime_error for what is not a 64-bit ELF library.
std::vector<std::string> exported_symbols(const std::filesystem::path& library);

}  // namespace scanflow::loader
