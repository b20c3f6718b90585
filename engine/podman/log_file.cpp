#include "engine/podman/log_file.hpp"

#include <array>
#include <deque>
#include <optional>

namespace scanflow::podman {
namespace {

struct Record {
  bool stderr_stream = false;
  bool ends = false;  // its line
  std::string_view text;
};

std::optional<Record> read_record(std::string_view line) {
  const auto stream = line.find(' ');
  if (stream == std::string_view::npos || stream < 20) return std::nullopt;  // a time is longer
  std::string_view rest = line.substr(stream + 1);
  Record record;
  record.stderr_stream = rest.starts_with("stderr ");
  if (!record.stderr_stream && !rest.starts_with("stdout ")) return std::nullopt;
  rest.remove_prefix(7);
  if (!rest.starts_with("F ") && !rest.starts_with("P ")) return std::nullopt;
  record.ends = rest.front() == 'F';
  record.text = rest.substr(2);
  return record;
}

}  // namespace

std::string last_lines(std::string_view text, std::size_t lines) {
  std::deque<std::string> kept;
  std::array<std::string, 2> unfinished;
  const auto keep = [&](std::string line) {
    kept.push_back(std::move(line));
    if (kept.size() > lines) kept.pop_front();
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto record = read_record(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!record) continue;
    std::string& line = unfinished[record->stderr_stream ? 1 : 0];
    line += record->text;
    if (!record->ends) continue;
    keep(std::move(line));
    line.clear();
  }
  for (std::string& line : unfinished) {
    if (!line.empty()) keep(std::move(line));
  }
  std::string all;
  for (const std::string& line : kept) all += line + "\n";
  return all;
}

}  // namespace scanflow::podman
