#include "engine/worker/command_files.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "sdk/base/files.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

bool is_name(std::string_view text, std::string_view further) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           further.find(c) != std::string_view::npos;
  });
}

/// Lines with their numbers.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const std::size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  int number() const { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
};

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "...";
}

bool is_long_integer(std::string_view text, const json& value) {
  return value.is_number_float() && text.find_first_not_of("-0123456789") == std::string_view::npos;
}

json typed(std::string_view text) {
  if (nesting_of(text) > kMaxNesting) return std::string(text);
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded() || is_long_integer(text, value)) return std::string(text);
  return value;
}

Error at_line(int number, std::string_view line, std::string_view what) {
  return Error{fmt::format("$SCANFLOW_OUTPUT, line {}: '{}' {}", number, shortened(line), what)};
}

/// The lines up to the end marker, without the last newline.
std::optional<std::string> read_block(Lines& lines, std::string_view end) {
  std::string block;
  while (const auto line = lines.next()) {
    if (*line == end) {
      if (!block.empty()) block.pop_back();
      return block;
    }
    block.append(*line).push_back('\n');
  }
  return std::nullopt;
}

Result<void> parse_output_line(Lines& lines, std::string_view line, json& outputs) {
  const int number = lines.number();
  const std::size_t at = line.find_first_of("=<");
  const bool block = at != std::string_view::npos && line.substr(at, 2) == "<<";
  if (at == std::string_view::npos || (line[at] == '<' && !block)) {
    return tl::unexpected<Error>(at_line(number, line, "is neither key=value nor key<<END"));
  }
  const std::string_view key = line.substr(0, at);
  if (!is_name(key, "_-.")) {
    return tl::unexpected<Error>(
        at_line(number, line, "has no good key (letters, digits, '_', '-', '.')"));
  }
  if (!block) {
    outputs[std::string(key)] = typed(line.substr(at + 1));
    return {};
  }
  const std::string_view end = line.substr(at + 2);
  if (end.empty()) {
    return tl::unexpected<Error>(at_line(number, line, "names no end marker after <<"));
  }
  const auto text = read_block(lines, end);
  if (!text) {
    return tl::unexpected<Error>(at_line(
        number, line, fmt::format("begins a block that no line '{}' ends", shortened(end))));
  }
  outputs[std::string(key)] = typed(*text);
  return {};
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> result;
  std::size_t begin = 0;
  while ((begin = line.find_first_not_of(" \t\r", begin)) != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    result.push_back(line.substr(begin, end - begin));
    begin = end;
  }
  return result;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<std::string> parse_outputs(std::string_view text, std::uint64_t size) {
  if (text.size() > kMaxOutputBytes) {
    return fail(
        fmt::format("$SCANFLOW_OUTPUT has {} bytes; outputs may have at most {}: write "
                    "large data to a file under $SCANFLOW_ARTIFACTS",
                    std::max<std::uint64_t>(size, text.size()), kMaxOutputBytes));
  }
  json outputs = json::object();
  Lines lines(text);
  while (const auto line = lines.next()) {
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    if (auto parsed = parse_output_line(lines, *line, outputs); !parsed) {
      return tl::unexpected<Error>(parsed.error());
    }
  }
  try {
    return outputs.dump();
  } catch (const json::exception&) {
    return fail("$SCANFLOW_OUTPUT holds text that is not UTF-8");
  }
}

Result<protocol::Metric> parse_metric(std::string_view line) {
  const auto wrong = [&](std::string_view what) {
    return fail(fmt::format("'{}' {}; expected name value [step=N] [label=value ...]",
                            shortened(line), what));
  };
  const auto parts = words(line);
  protocol::Metric metric;
  if (parts.size() < 2) return wrong("has no value");
  if (!is_name(parts[0], "_-./:")) return wrong("has no good name");
  metric.name = parts[0];
  if (!parse_number(parts[1], metric.value)) return wrong("has a value that is no number");
  for (std::size_t i = 2; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const std::string_view key = parts[i].substr(0, equals);
    if (equals == std::string_view::npos || !is_name(key, "_-.")) return wrong("has a bad label");
    const std::string_view value = parts[i].substr(equals + 1);
    if (key != "step") {
      metric.labels[std::string(key)] = value;
    } else if (!parse_number(value, metric.step)) {
      return wrong("has a step that is no integer");
    }
  }
  return metric;
}

Result<std::vector<protocol::ArtifactFile>> list_artifacts(const std::string& directory) {
  std::vector<protocol::ArtifactFile> result;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), ::closedir);
  if (!handle) return fail(describe_errno("cannot read", directory, errno));
  while (const dirent* entry = ::readdir(handle.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = directory + "/" + name;
    if (!is_name(name, "_-.")) {
      return fail(
          fmt::format("artifact '{}': a name may have letters, digits, '_', '-' and '.' "
                      "only; rename it",
                      name));
    }
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return fail(describe_errno("cannot see", path, errno));
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
      return fail(fmt::format("artifact '{}' is {}; write a file or a directory", name,
                              S_ISLNK(info.st_mode) ? "a symbolic link" : "a special file"));
    }
    result.push_back({name, path, S_ISDIR(info.st_mode)});
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return result;
}

}  // namespace scanflow::worker
