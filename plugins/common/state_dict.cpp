#include "plugins/common/state_dict.hpp"

#include <fmt/format.h>
#include <torch/serialize.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace scanflow::data {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

constexpr const char* kNoStateDict =
    "holds something else than a dictionary of names and tensors (a state dict); save it in Python "
    "with torch.save(dict(network.state_dict()), file)";

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", file.string(), what));
}

std::vector<char> read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(file, fmt::format("cannot open: {}", std::generic_category().message(errno)));
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void write_state_dict(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                      const std::filesystem::path& file) {
  c10::Dict<std::string, at::Tensor> dictionary;
  for (const auto& [name, tensor] : tensors) dictionary.insert(name, tensor.detach());
  const std::vector<char> bytes = torch::pickle_save(dictionary);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) fail(file, fmt::format("cannot write: {}", std::generic_category().message(errno)));
}

StateDict read_state_dict(const std::filesystem::path& file, const std::string& expected) {
  const std::vector<char> bytes = read_all(file);
  StateDict tensors;
  try {
    const c10::IValue value = torch::pickle_load(bytes);
    if (!value.isGenericDict()) fail(file, kNoStateDict);
    const auto dictionary = value.toGenericDict();
    for (const auto& entry : dictionary) {
      if (!entry.key().isString() || !entry.value().isTensor()) fail(file, kNoStateDict);
      tensors[entry.key().toStringRef()] = entry.value().toTensor();
    }
  } catch (const c10::Error& error) {
    fail(file, fmt::format("is no weights file that can be read here ({} bytes): {}; expected is "
                           "{}, or what Python's torch.save(dict(network.state_dict()), file) "
                           "writes",
                           bytes.size(), first_line(error.what_without_backtrace()), expected));
  }
  return tensors;
}

}  // namespace scanflow::data
