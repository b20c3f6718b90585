// What is wrong with a file, and where: collected, so that all of it is said in one go.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

struct Diagnostic {
  std::string file;
  Location at;
  std::string message;             // "unknown step plugin 'torch.trian'"
  int width = 1;                   // how much of the line to underline
  std::string hint;                // beside the caret: "did you mean 'torch.train'?"; may be empty
  std::vector<std::string> notes;  // "looked in ..."; each on a line of its own
};

/// "file:line:col: error: message", the source line with a caret, notes; in the order of their
/// places; no trailing count.
std::string render(const std::vector<Diagnostic>& diagnostics, const std::string& source);

}  // namespace scanflow::pipeline
