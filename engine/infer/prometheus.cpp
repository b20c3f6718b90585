#include "engine/infer/prometheus.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scanflow::infer {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// "inference_seconds" of "inference_seconds_bucket", and what that is.
std::pair<std::string, const char*> family_of(const Figure& figure) {
  for (const char* part : {"_bucket", "_sum", "_count"}) {
    if (figure.name.ends_with(part))
      return {figure.name.substr(0, figure.name.size() - std::string_view(part).size()),
              "histogram"};
  }
  return {figure.name, figure.name.ends_with("_total") ? "counter" : "gauge"};
}

}  // namespace

std::string prometheus_text(const std::vector<Figure>& figures) {
  std::vector<std::string> families;
  std::vector<std::string> texts;
  for (const Figure& figure : figures) {
    const auto [family, kind] = family_of(figure);
    const auto known = std::find(families.begin(), families.end(), family);
    const auto index = static_cast<std::size_t>(known - families.begin());
    if (known == families.end()) {
      families.push_back(family);
      texts.push_back(fmt::format("# TYPE scanflow_{} {}\n", family, kind));
    }
    std::string& text = texts[index];
    text += fmt::format("scanflow_{}{{", figure.name);
    for (const auto& [name, value] : figure.labels)
      text += fmt::format("{}{}=\"{}\"", text.back() == '{' ? "" : ",", name, escaped(value));
    text += fmt::format("}} {}\n", figure.value);
  }
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

}  // namespace scanflow::infer
