#include "engine/pipeline/problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {
namespace {

bool continues_line(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Collected at most, before they are sorted and cut to Problems::kMost.
constexpr std::size_t kKept = 10'000;

}  // namespace

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_line(c); }));
}

Source::Source(std::string file, std::string_view text) : file_(std::move(file)), text_(text) {
  starts_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
    ascii_ = ascii_ && static_cast<unsigned char>(text[i]) < 0x80;
  }
}

std::string_view Source::line(int number) const {
  if (number < 1 || static_cast<std::size_t>(number) > starts_.size()) return {};
  const std::size_t start = starts_[static_cast<std::size_t>(number) - 1];
  std::string_view line = text_.substr(start, text_.find('\n', start) - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::size_t Source::offset(Location at) const {
  if (at.line < 1 || static_cast<std::size_t>(at.line) > starts_.size()) return text_.size();
  const std::size_t start = starts_[static_cast<std::size_t>(at.line) - 1];
  const auto characters = static_cast<std::size_t>(std::max(at.column, 1) - 1);
  if (ascii_) return std::min(start + characters, text_.size());
  std::size_t position = start;
  for (std::size_t n = 0; n < characters && position < text_.size(); ++n) {
    ++position;
    while (position < text_.size() && continues_line(text_[position])) ++position;
  }
  return position;
}

Location Source::location(std::size_t offset) const {
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const auto line = static_cast<int>(next - starts_.begin());
  return location(line - 1, static_cast<int>(offset - *(next - 1)));
}

Location Source::location(int line, int bytes) const {
  if (ascii_) return {line + 1, bytes + 1};
  const auto index = static_cast<std::size_t>(std::max(line, 0));
  if (index >= starts_.size()) return {line + 1, bytes + 1};
  const std::string_view before =
      text_.substr(std::min(starts_[index], text_.size()), static_cast<std::size_t>(bytes));
  return {line + 1, static_cast<int>(count_characters(before)) + 1};
}

int Source::width(const Node& node) const {
  if (!node.is_scalar() || node.text.empty()) return 1;
  const std::size_t begin = offset(node.at);
  const std::string_view rest = text_.substr(begin, text_.find('\n', begin) - begin);
  std::size_t end = std::min(node.text.size(), rest.size());
  if (!rest.empty() && (rest[0] == '"' || rest[0] == '\'')) {
    end = rest.find(rest[0], 1);
    while (end != std::string_view::npos && rest[end - 1] == '\\' && rest[0] == '"') {
      end = rest.find(rest[0], end + 1);
    }
    end = end == std::string_view::npos ? rest.size() : end + 1;
  } else if (!node.plain) {
    return 1;  // a block: the caret stands at its "|"
  }
  return static_cast<int>(std::max<std::size_t>(count_characters(rest.substr(0, end)), 1));
}

Diagnostic& Problems::add(Location at, int width, std::string message) {
  Diagnostic problem;
  problem.file = source_.file();
  problem.at = at;
  problem.width = width;
  problem.message = std::move(message);
  if (all_.size() >= kKept) {
    ++dropped_;
    spare_ = std::move(problem);
    return spare_;
  }
  return all_.emplace_back(std::move(problem));
}

Diagnostic& Problems::add(const Node& node, std::string message) {
  return add(node.at, source_.width(node), std::move(message));
}

std::string Problems::place(Location at) const {
  return fmt::format("{}:{}:{}", source_.file(), at.line, at.column);
}

std::vector<Diagnostic> Problems::take() {
  const auto order = [](const Diagnostic& d) {
    return std::tie(d.at.line, d.at.column, d.message);
  };
  std::stable_sort(all_.begin(), all_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  all_.erase(
      std::unique(all_.begin(), all_.end(),
                  [&](const Diagnostic& a, const Diagnostic& b) { return order(a) == order(b); }),
      all_.end());
  const std::size_t total = all_.size() + dropped_;
  if (all_.size() > kMost) all_.resize(kMost);
  if (total > all_.size()) {
    all_.back().notes.push_back(
        fmt::format("and {} more errors after this one", total - all_.size()));
  }
  dropped_ = 0;
  return std::exchange(all_, {});
}

}  // namespace scanflow::pipeline
