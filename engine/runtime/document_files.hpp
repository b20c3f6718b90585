// Documents on disk.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/reader.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// The texts of files, of directories (their *.yaml and *.yml, sorted by path; hidden files not;
/// those in directories below only if `recursive`), and of stdin ("-", once). An error names what
/// cannot be read, or holds no such file. At most kMostFiles, kMostBytes in all: so that they fit
/// into one request to the engine.
Result<std::vector<pipeline::SourceText>> read_document_files(const std::vector<std::string>& paths,
                                                              bool recursive);

inline constexpr std::size_t kMostFiles = 2000;
inline constexpr std::size_t kMostBytes = 7 << 20;

}  // namespace scanflow::runtime
