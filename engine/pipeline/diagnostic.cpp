#include "engine/pipeline/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kWidest = 160;  // characters of a source line that are shown

/// The lines of a text, found once.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      lines_.push_back(line);
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
  }

  bool has(int line) const { return line >= 1 && static_cast<std::size_t>(line) <= lines_.size(); }
  std::string_view at(int line) const { return lines_[static_cast<std::size_t>(line) - 1]; }

 private:
  std::vector<std::string_view> lines_;
};

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// What is shown of a line, one printable character per source character so that carets fit.
struct Excerpt {
  std::string text;
  std::size_t column = 0;  // of the caret in `text`, in characters from 0
  std::size_t length = 0;  // characters in `text`
};

Excerpt excerpt(std::string_view line, int column) {
  const auto at = static_cast<std::size_t>(std::max(column, 1) - 1);
  const std::size_t first = at > kWidest - 40 ? at - 60 : 0;
  Excerpt shown;
  shown.column = at - first;
  std::size_t position = 0;
  for (std::size_t i = 0; i < line.size(); ++position) {
    std::size_t end = i + 1;
    while (end < line.size() && continues(line[end])) ++end;
    if (position >= first && shown.length < kWidest) {
      const auto c = static_cast<unsigned char>(line[i]);
      const bool cut = first > 0 && position == first;
      shown.text += cut                     ? std::string_view("<")
                    : c < 0x20 || c == 0x7F ? std::string_view(" ")
                                            : line.substr(i, end - i);
      ++shown.length;
    }
    i = end;
  }
  if (position > first + kWidest) shown.text += "...";
  return shown;
}

void render_source(const Diagnostic& problem, const Lines& lines, std::string& out) {
  const std::string number = fmt::format("{:>4}", problem.at.line);
  const std::string gutter(number.size() + 1, ' ');
  if (problem.at.column > 0 && lines.has(problem.at.line)) {
    const Excerpt shown = excerpt(lines.at(problem.at.line), problem.at.column);
    const std::size_t room = shown.length > shown.column ? shown.length - shown.column : 1;
    const std::size_t width = std::clamp<std::size_t>(
        static_cast<std::size_t>(std::max(problem.width, 1)), 1, std::max<std::size_t>(room, 1));
    out += fmt::format("{} | {}\n", number, shown.text);
    out += fmt::format("{}| {}^{}", gutter, std::string(shown.column, ' '),
                       std::string(width - 1, '~'));
    out += problem.hint.empty() ? "\n" : fmt::format(" {}\n", problem.hint);
  } else if (!problem.hint.empty()) {
    out += fmt::format("{}= {}\n", gutter, problem.hint);
  }
  for (const std::string& note : problem.notes) out += fmt::format("{}= {}\n", gutter, note);
}

}  // namespace

std::string render(const std::vector<Diagnostic>& diagnostics, const std::string& source) {
  const Lines lines(source);
  std::vector<const Diagnostic*> ordered;
  ordered.reserve(diagnostics.size());
  for (const Diagnostic& problem : diagnostics) ordered.push_back(&problem);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::pair(a->at.line, a->at.column) < std::pair(b->at.line, b->at.column);
  });
  std::string out;
  for (const Diagnostic* problem : ordered) {
    out += problem->file;
    if (problem->at.line > 0) {
      out += fmt::format(":{}:{}", problem->at.line, std::max(problem->at.column, 1));
    }
    out += fmt::format(": error: {}\n", problem->message);
    render_source(*problem, lines, out);
  }
  return out;
}

}  // namespace scanflow::pipeline
