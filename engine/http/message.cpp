#include "engine/http/message.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace scanflow::http {
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned value = 0;
      const char* digits = text.data() + i + 1;
      if (i + 2 >= text.size()) return std::nullopt;
      const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
      if (error != std::errc() || end != digits + 2) return std::nullopt;
      out += static_cast<char>(value);
      i += 2;
    }
  }
  return out;
}

namespace {

/// Hands each part between separators on; false as soon as one of them is refused.
template <class Take>
bool each_part(std::string_view text, char separator, Take take) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin && !take(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& each) {
    return each.first.size() == name.size() &&
           ::strncasecmp(each.first.data(), name.data(), name.size()) == 0;
  });
  return found == headers.end() ? std::string_view() : found->second;
}

bool parse_target(std::string_view target, Request& request) {
  if (!target.starts_with('/')) return false;
  const std::size_t question = target.find('?');
  const auto add_segment = [&](std::string_view part) {
    auto segment = percent_decoded(part);
    if (segment) request.path.push_back(std::move(*segment));
    return segment.has_value();
  };
  const auto add_parameter = [&](std::string_view part) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto name = percent_decoded(part.substr(0, equals), true);
    auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (name && value) request.query.emplace(*name, std::move(*value));
    return name && value;
  };
  if (!each_part(target.substr(0, question), '/', add_segment)) return false;
  return question == std::string_view::npos ||
         each_part(target.substr(question + 1), '&', add_parameter);
}

Response respond(int status, const json& document) {
  Response response;
  response.status = status;
  response.body = document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return response;
}

Response refuse(int status, int exit, const std::string& message) {
  return respond(status, {{"error", {{"message", message}}}, {"exit", exit}});
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end != std::string_view::npos && host.substr(1, end - 1) == "::1" &&
           (end + 1 == host.size() || host[end + 1] == ':');
  }
  const std::string_view name = host.substr(0, host.find(':'));
  if (name == "localhost") return true;
  return name.starts_with("127.") &&
         name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace scanflow::http
