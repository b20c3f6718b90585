#include "engine/pipeline/document_text.hpp"

#include <algorithm>

namespace scanflow::pipeline {
namespace {

/// What follows a marker must be a blank, or nothing.
bool is_marker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == marker.size() || line[marker.size()] == ' ' ||
                                      line[marker.size()] == '\t' || line[marker.size()] == '\r');
}

bool is_blank_line(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Only comments and directives.
bool is_preamble(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    const std::size_t first = line.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && line[first] != '#' && line[0] != '%') return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

std::vector<TextPart> split_documents(std::string_view text) {
  std::vector<TextPart> parts;
  std::size_t begin = 0;  // of the part
  int first = 1;
  const auto cut = [&](std::size_t end) {
    if (!is_blank_line(text.substr(begin, end - begin)))
      parts.push_back({first, text.substr(begin, end - begin)});
  };
  int number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t next = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string_view line = text.substr(at, next - at);
    if (line.ends_with('\n')) line.remove_suffix(1);
    const bool starts = is_marker(line, "---");
    // Comments and directives go with the document that this marker starts.
    const bool joins = starts && !is_blank_line(text.substr(begin, at - begin)) &&
                       is_preamble(text.substr(begin, at - begin));
    if ((starts || is_marker(line, "...")) && !joins) {
      cut(at);
      const bool bare = !starts || is_blank_line(line.substr(3));
      begin = bare ? next : at;
      first = bare ? number + 1 : number;
    }
    at = next;
  }
  cut(text.size());
  return parts;
}

}  // namespace scanflow::pipeline
