#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "engine/inject/scalar.hpp"
#include "engine/inject/yaml.hpp"

namespace scanflow::inject {
namespace {

/// Longer keys need a "?" before them.
constexpr std::size_t kLongestKey = 128;

/// Characters of UTF-8 that some reader takes for the end of a line, or for nothing.
bool is_odd(std::string_view rest) {
  return rest.starts_with("\xc2\x85") || rest.starts_with("\xe2\x80\xa8") ||
         rest.starts_with("\xe2\x80\xa9") || rest.starts_with("\xef\xbb\xbf");
}

bool has_odd(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f || is_odd(text.substr(i)))
      return true;
  }
  return false;
}

/// A literal block says the same to all readers.
bool can_be_block(std::string_view text) {
  return text.find('\n') != std::string_view::npos && text[0] != ' ' && text[0] != '\n' &&
         text[0] != '\t' && !has_odd(text);
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (is_odd(text.substr(i))) {
      const bool two = byte == 0xc2;
      const bool mark = byte == 0xef;
      const char last = text[i + (two ? 1 : 2)];
      out += two ? "\\u0085" : mark ? "\\ufeff" : last == '\xa8' ? "\\u2028" : "\\u2029";
      i += two ? 1 : 2;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string in_quotes(std::string_view text) {
  const bool single = text.find('"') != std::string_view::npos &&
                      text.find_first_of("'\\\n\t") == std::string_view::npos && !has_odd(text);
  return single ? fmt::format("'{}'", text) : double_quoted(text);
}

class Writer {
 public:
  std::string take() { return std::move(out_); }

  /// After "key:" or "-"; `indent`: of the map or list that it stands in.
  void value(const Node& node, std::size_t indent, bool in_list) {
    if (!node.tag.empty()) out_ += " " + node.tag;
    const bool empty = node.items.empty();
    if (node.kind == NodeKind::map && !empty) {
      if (in_list && node.tag.empty()) {
        out_ += ' ';
        return map(node, indent + 2, true);
      }
      out_ += '\n';
      return map(node, indent + 2, false);
    }
    if (node.kind == NodeKind::list && !empty) {
      if (in_list && node.tag.empty()) {
        out_ += ' ';
        return list(node, indent + 2, true);
      }
      out_ += '\n';
      return list(node, in_list ? indent + 2 : indent, false);
    }
    out_ += ' ';
    scalar(node, indent + 2);
    out_ += '\n';
  }

  void document(const Node& node) {
    if (node.kind == NodeKind::map && !node.items.empty() && node.tag.empty())
      return map(node, 0, false);
    if (node.kind == NodeKind::list && !node.items.empty() && node.tag.empty())
      return list(node, 0, false);
    if (!node.tag.empty()) out_ += node.tag + " ";
    scalar(node, 2);
    out_ += '\n';
  }

 private:
  void map(const Node& node, std::size_t indent, bool begun) {
    for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
      if (i > 0 || !begun) out_.append(indent, ' ');
      key(node.items[i], indent);
      value(node.items[i + 1], indent, false);
    }
  }

  void list(const Node& node, std::size_t indent, bool begun) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0 || !begun) out_.append(indent, ' ');
      out_ += '-';
      value(node.items[i], indent, true);
    }
  }

  void key(const Node& node, std::size_t indent) {
    const bool as_is = node.plain ? can_be_plain(node.text) : is_plain_text(node.text);
    if (!node.tag.empty()) out_ += node.tag + " ";
    const std::string text = as_is && node.tag.empty() ? node.text : in_quotes(node.text);
    if (text.size() <= kLongestKey) {
      out_ += text + ":";
    } else {
      out_ += "? " + text + "\n";
      out_.append(indent, ' ');
      out_ += ":";
    }
  }

  void scalar(const Node& node, std::size_t indent) {
    switch (node.kind) {
      case NodeKind::null:
        out_ += "null";
        return;
      case NodeKind::map:
        out_ += "{}";
        return;
      case NodeKind::list:
        out_ += "[]";
        return;
      case NodeKind::scalar:
        break;
    }
    if (node.plain && can_be_plain(node.text)) {
      out_ += node.text;
    } else if (!node.plain && node.tag.empty() && can_be_block(node.text)) {
      block(node.text, indent);
    } else if (!node.plain && node.tag.empty() && is_plain_text(node.text)) {
      out_ += node.text;
    } else {
      out_ += in_quotes(node.text);
    }
  }

  void block(std::string_view text, std::size_t indent) {
    std::size_t ends = 0;
    while (ends < text.size() && text[text.size() - 1 - ends] == '\n') ++ends;
    out_ += ends == 0 ? "|-" : ends == 1 ? "|" : "|+";
    if (ends > 0) text.remove_suffix(1);  // whoever called ends the line
    while (true) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      out_ += '\n';
      if (!line.empty()) out_.append(indent, ' ').append(line);
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  std::string out_;
};

}  // namespace

std::string write_yaml(const Node& node) {
  Writer writer;
  writer.document(node);
  return writer.take();
}

}  // namespace scanflow::inject
