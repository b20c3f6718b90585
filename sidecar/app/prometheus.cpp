#include "sidecar/app/prometheus.hpp"

#include <fmt/format.h>

namespace scanflow::sidecar {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\' || c == '"') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result;
}

std::string in_braces(const Prometheus::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels)
    text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value));
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace

void Prometheus::add(const collect::Values& values, const Labels& labels) {
  const std::string braces = in_braces(labels);
  for (const collect::Description& described : collect::descriptions()) {
    const auto value = values.get(described.metric);
    if (!value) continue;
    Family& family = families_[std::string(described.name)];
    family.kind = described.kind == collect::Kind::counter ? "counter" : "gauge";
    family.help = described.help;
    family.lines.push_back(fmt::format("{}{} {}", described.name, braces, *value));
  }
}

void Prometheus::add(std::string_view name, std::string_view kind, std::string_view help,
                     double value) {
  Family& family = families_[std::string(name)];
  family.kind = kind;
  family.help = help;
  family.lines.push_back(fmt::format("{} {}", name, value));
}

std::string Prometheus::text() const {
  std::string text;
  for (const auto& [name, family] : families_) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, family.kind);
    for (const std::string& line : family.lines) text += line + "\n";
  }
  return text;
}

}  // namespace scanflow::sidecar
