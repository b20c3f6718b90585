// Weights as PyTorch's file format has them. Includes a header of libtorch: only for the few files
// that must.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::data {

/// Name -> tensor.
using StateDict = std::map<std::string, at::Tensor>;

/// A dictionary name -> tensor in PyTorch's file format: Python's torch.load gives a state dict. The
/// same tensors in the same order give the same bytes. Throws std::runtime_error.
void write_state_dict(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                      const std::filesystem::path& file);

/// Reads what write_state_dict or Python's torch.save(dict(network.state_dict())) wrote; libtorch
/// reads no OrderedDict. Runs no code of the file's. `expected`: what the file should be, for the
/// message. Throws std::runtime_error.
StateDict read_state_dict(const std::filesystem::path& file, const std::string& expected);

}  // namespace scanflow::data
