#include "engine/store/object_names.hpp"

#include <fmt/format.h>

#include <system_error>

#include "sdk/base/digest.hpp"

namespace scanflow::store {

namespace fs = std::filesystem;

Result<std::vector<std::string>> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(fmt::format("cannot read directory {}: {}", directory.string(), error.message()));
  }
  return names;
}

Result<std::vector<std::string>> entries_of(const fs::path& kind) {
  std::vector<std::string> entries;
  const auto parts = names_in(kind);
  if (!parts) return tl::unexpected(parts.error());
  for (const std::string& part : *parts) {
    if (part.size() != 2) continue;  // not ours
    const auto names = names_in(kind / part);
    if (!names) return tl::unexpected(names.error());
    for (const std::string& name : *names) entries.push_back((fs::path(part) / name).string());
  }
  return entries;
}

std::string digest_of(std::string entry, std::string_view end) {
  if (entry.ends_with(end)) entry.resize(entry.size() - end.size());
  std::erase(entry, '/');
  return is_sha256(entry) ? entry : std::string();
}

void add_digests(std::string_view text, std::unordered_set<std::string>& digests) {
  constexpr std::size_t kDigits = 64;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::size_t digits = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_digit(text[i])) {
      ++digits;
      continue;
    }
    if (digits == kDigits) digests.emplace(text.substr(i - kDigits, kDigits));
    digits = 0;
  }
}

}  // namespace scanflow::store
