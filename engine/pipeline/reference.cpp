#include "engine/pipeline/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

Result<std::uint32_t> parse_version(std::string_view text) {
  std::uint32_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error == std::errc() && end == text.data() + text.size() && version > 0) return version;
  return fail(fmt::format("'{}' is not a version: that is a number from 1, as in train@3",
                          printable(text)));
}

Result<std::string> parse_label(std::string_view text, std::string_view what) {
  if (is_label(text)) return std::string(text);
  return fail(fmt::format("'{}' is not the name of a {}: {}", printable(text), what, kLabelRule));
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  Reference reference;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    const auto version = parse_version(text.substr(at + 1));
    if (!version) return tl::unexpected(version.error());
    reference.version = *version;
    text = text.substr(0, at);
  }
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    auto name_space = parse_label(text.substr(0, slash), "namespace");
    if (!name_space) return tl::unexpected(name_space.error());
    reference.name_space = std::move(*name_space);
    text = text.substr(slash + 1);
  }
  auto name = parse_label(text, "pipeline");
  if (!name) return tl::unexpected(name.error());
  reference.name = std::move(*name);
  return reference;
}

std::string to_text(const Reference& reference) {
  std::string text = reference.name_space.empty() ? "" : reference.name_space + "/";
  text += reference.name;
  if (reference.version) text += fmt::format("@{}", *reference.version);
  return text;
}

bool names_file(std::string_view text) {
  return text.ends_with(".yaml") || text.ends_with(".yml") || text.ends_with(".json");
}

}  // namespace scanflow::pipeline
