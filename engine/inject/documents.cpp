#include "engine/inject/documents.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/inject/json.hpp"
#include "engine/inject/yaml.hpp"

namespace scanflow::inject {
namespace {

constexpr std::string_view kMark = "---";
constexpr std::string_view kEnd = "...";
constexpr std::string_view kByteOrder = "\xef\xbb\xbf";
constexpr std::string_view kBlank = " \t\r\n";

/// A mark alone, or with something after a blank: "---x" is text.
bool is_mark(std::string_view line, std::string_view mark) {
  return line.starts_with(mark) &&
         (line.size() == mark.size() || kBlank.find(line[mark.size()]) != std::string_view::npos);
}

int lines_in(std::string_view text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

/// Without its mark, where nothing else is on that line.
std::string_view body_of(std::string_view text) {
  if (text.starts_with(kByteOrder)) text.remove_prefix(kByteOrder.size());
  if (!is_mark(text.substr(0, text.find('\n')), kMark)) return text;
  return text.substr(kMark.size());
}

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

/// Comments, directives ("%YAML 1.2") and blanks alone?
bool says_nothing(std::string_view body) {
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = without_blanks(body.substr(0, end));
    if (!line.empty() && line[0] != '#' && body[0] != '%' && !is_mark(line, kEnd)) return false;
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return true;
}

/// The end of the JSON value that the text begins with; npos where it has none.
std::size_t end_of_value(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      if (c == '\\') ++i;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth <= 1) return i + 1;
      --depth;
    }
  }
  return std::string_view::npos;
}

bool is_json(std::string_view body) {
  body = without_blanks(body);
  // Else it is YAML in flow style, or an error, of which YAML's reader knows more.
  return body.starts_with('{') && nlohmann::json::accept(body.substr(0, end_of_value(body)));
}

/// JSON values may follow each other without anything between them.
void add_json(std::string_view text, int line, std::vector<Document>& documents) {
  std::string_view body = body_of(text);
  while (true) {
    const std::string_view value = without_blanks(body);
    const std::size_t end = end_of_value(value);
    const std::string_view rest =
        end == std::string_view::npos ? std::string_view() : value.substr(end);
    const bool more = without_blanks(rest).starts_with('{');
    const auto size =
        static_cast<std::size_t>((more ? rest.data() : text.data() + text.size()) - text.data());
    documents.push_back({text.substr(0, size), line, Format::json});
    if (!more) return;
    line += lines_in(text.substr(0, size));
    text = body = rest;
  }
}

void add(std::string_view text, int line, std::vector<Document>& documents) {
  if (text.empty()) return;
  const std::string_view body = body_of(text);
  if (says_nothing(body)) {
    documents.push_back({text, line, Format::nothing});
  } else if (is_json(body)) {
    add_json(text, line, documents);
  } else {
    documents.push_back({text, line, Format::yaml});
  }
}

}  // namespace

std::vector<Document> split(std::string_view text) {
  std::vector<Document> documents;
  std::size_t begin = 0;  // of the document
  int first = 1, line = 1;
  const auto end_at = [&](std::size_t at, int next) {
    add(text.substr(begin, at - begin), first, documents);
    begin = at;
    first = next;
  };
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t next = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view row = text.substr(at, next - at);
    if (is_mark(row, kMark) && at > begin) end_at(at, line);
    if (is_mark(row, kEnd)) end_at(next, line + 1);
    at = next;
  }
  end_at(text.size(), line);
  return documents;
}

Result<Node> parse(const Document& document) {
  if (document.format == Format::nothing) return Node();
  if (document.format == Format::yaml) return read_yaml(document.text, document.line);
  const std::string_view value = without_blanks(body_of(document.text));
  const auto before = static_cast<std::size_t>(value.data() - document.text.data());
  return read_json(value, document.line + lines_in(document.text.substr(0, before)));
}

std::string write(const Document& document, const Node& node) {
  std::string text;
  if (is_mark(document.text.substr(0, document.text.find('\n')), kMark)) text = "---\n";
  return text + (document.format == Format::json ? write_json(node) : write_yaml(node));
}

}  // namespace scanflow::inject
