#include "engine/cli/hint.hpp"

#include <algorithm>
#include <cctype>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

std::string shell_quoted(std::string_view text) {
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_@%+:,./-").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string(R"('\'')") : std::string(1, c);
  return quoted + "'";
}

std::string place_options(const Context& context) {
  if (!context.server.empty()) return " --server " + shell_quoted(context.server);
  return context.state.empty() ? "" : " --state " + shell_quoted(context.state);
}

std::string hint(const Context& context, const std::vector<std::string>& words) {
  std::string command = "scanflow";
  for (const std::string& word : words) command += " " + shell_quoted(word);
  return command + place_options(context);
}

}  // namespace scanflow::cli
