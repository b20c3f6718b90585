#include "engine/runtime/namespaces.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace {

using nlohmann::json;

constexpr std::string_view kNamespaceUser = "namespace/";

}  // namespace

std::string user_of_namespace(const std::string& name_space) {
  return std::string(kNamespaceUser) + name_space;
}

std::string user_of_pod(const std::string& name_space, const std::string& pod) {
  return user_of_namespace(name_space) + '/' + pod;
}

std::optional<std::string> namespace_of_user(const std::string& user) {
  if (!user.starts_with(kNamespaceUser)) return std::nullopt;
  const std::size_t begin = kNamespaceUser.size();
  return user.substr(begin, user.find('/', begin) - begin);
}

std::optional<std::string> pod_of_user(const std::string& user) {
  if (!user.starts_with(kNamespaceUser)) return std::nullopt;
  const std::size_t slash = user.find('/', kNamespaceUser.size());
  if (slash == std::string::npos) return std::nullopt;
  return user.substr(slash + 1);
}

Result<std::set<std::string>> read_namespaces(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::set<std::string>();
  const auto text = read_file(file, 1u << 20);
  if (!text) return tl::unexpected(text.error());
  const json read = json::parse(*text, nullptr, false);
  std::set<std::string> namespaces;
  for (const json& each : read.is_array() ? read : json::array({nullptr})) {
    if (!each.is_string())
      return fail(
          fmt::format("{} is damaged: remove it, and enrol the namespaces again", file.string()));
    namespaces.insert(each.get<std::string>());
  }
  return namespaces;
}

Result<void> write_namespaces(const std::filesystem::path& file,
                              const std::set<std::string>& namespaces) {
  return write_file_atomically(file, json(namespaces).dump() + "\n");
}

}  // namespace scanflow::runtime
