#include "engine/kube/event_series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sdk/base/text.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::kube {
namespace {

using nlohmann::json;

constexpr std::size_t kMostWord = 128, kMostEventName = 253;

json reference_to(const Regarded& object) {
  json reference = {
      {"apiVersion", object.kind.api_version()}, {"kind", object.kind.kind}, {"name", object.name}};
  if (!object.name_space.empty()) reference["namespace"] = object.name_space;
  if (!object.uid.empty()) reference["uid"] = object.uid;
  return reference;
}

/// Texts in one, none of which can be taken for a part of another.
std::string key_of_texts(std::initializer_list<std::string_view> texts) {
  std::string key;
  for (const std::string_view text : texts) key += fmt::format("{}:{}", text.size(), text);
  return key;
}

std::string key_of_regarded(const Regarded& object) {
  if (!object.uid.empty()) return object.uid;
  return key_of_texts(
      {object.kind.api_version(), object.kind.kind, object.name_space, object.name});
}

/// A name is one of DNS; of an object whose own is none ("system:node") the Event has another.
bool is_dns_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  const auto edge = [](char c) { return c != '-' && c != '.'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits) && edge(name.front()) &&
         edge(name.back()) && name.find("..") == std::string_view::npos;
}

/// Of Unicode: C0, C1, and the two that break lines.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  const auto second = static_cast<unsigned char>(character[1]);
  return (first == 0xc2 && second < 0xa0) || character == "\u2028" || character == "\u2029";
}

}  // namespace

std::string event_note(std::string text, std::size_t bytes) {
  const std::string valid = valid_utf8(std::move(text));
  std::string note;
  for (std::size_t at = 0; at < valid.size();) {
    std::size_t end = at + 1;
    while (end < valid.size() && (static_cast<unsigned char>(valid[end]) & 0xc0) == 0x80) ++end;
    const std::string_view character = std::string_view(valid).substr(at, end - at);
    if (is_control(character)) {
      note += ' ';
    } else {
      note += character;
    }
    at = end;
  }
  return std::string(cut_utf8(stripped(note), bytes));
}

EventSeries::EventSeries(Reporter reporter, std::size_t most)
    : reporter_(std::move(reporter)), series_(most), budgets_(most) {}

EventSeries::Series EventSeries::begin(const Event& event, const std::string& note,
                                       const Moment& now) {
  constexpr std::int64_t kNsPerUs = 1'000;
  const Regarded& of = event.regarding;
  last_ns_ = std::max(now.wall_us * kNsPerUs, last_ns_ + 1);
  Series made;
  made.name = fmt::format("{}.{:x}", of.name, last_ns_);
  if (made.name.size() > kMostEventName || !is_dns_name(made.name))
    made.name = fmt::format("event-{:x}", last_ns_);
  made.object = {
      {"apiVersion", kinds::kEvent.api_version()},
      {"kind", kinds::kEvent.kind},
      {"metadata",
       {{"name", made.name}, {"namespace", of.name_space.empty() ? "default" : of.name_space}}},
      {"eventTime", utc_text_us(now.wall_us)},
      {"reportingController", reporter_.controller},
      {"reportingInstance", cut_utf8(reporter_.instance, kMostWord)},
      {"type", event.warning ? "Warning" : "Normal"},
      {"reason", cut_utf8(event.reason, kMostWord)},
      {"action", cut_utf8(event.action, kMostWord)},
      {"note", note},
      {"regarding", reference_to(of)}};
  if (event.related) made.object["related"] = reference_to(*event.related);
  return made;
}

std::optional<EventWrite> EventSeries::take(const Event& event, const Moment& now) {
  const std::string note = event_note(event.note), object = key_of_regarded(event.regarding);
  const std::string key = key_of_texts({object, event.warning ? "Warning" : "Normal", event.reason,
                                        event.action, note, reporter_.controller});
  Series* series = series_.find(key);
  const bool again = series != nullptr && now.monotonic_us - series->last_us <= kSameUs;
  if (again) {
    series->object["series"] = {{"count", ++series->count},
                                {"lastObservedTime", utc_text_us(now.wall_us)}};
  } else {
    series = &series_.put(key, begin(event, note, now));
  }
  series->last_us = now.monotonic_us;
  Limiter* budget = budgets_.find(object);
  if (budget == nullptr) budget = &budgets_.put(object, Limiter(kBudget, now.monotonic_us));
  if (!budget->try_take(now.monotonic_us)) return std::nullopt;
  return EventWrite{series->object["metadata"]["namespace"], series->name, series->object, again};
}

}  // namespace scanflow::kube
