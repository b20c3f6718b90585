#include "engine/cli/top_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

constexpr char kEscape = '\033';
constexpr std::size_t kLongest = 16;  // of an escape sequence

/// How terminals say them, behind the escape.
constexpr std::array<std::pair<std::string_view, Key>, 14> kSequences{{
    {"[A", Key::up},
    {"OA", Key::up},
    {"[B", Key::down},
    {"OB", Key::down},
    {"[5~", Key::page_up},
    {"[6~", Key::page_down},
    {"[H", Key::home},
    {"OH", Key::home},
    {"[1~", Key::home},
    {"[7~", Key::home},
    {"[F", Key::end},
    {"OF", Key::end},
    {"[4~", Key::end},
    {"[8~", Key::end},
}};

/// Bytes of the escape sequence that `text` begins with; nothing: it is not whole yet.
std::optional<std::size_t> length_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  if (text[1] == 'O') return text.size() < 3 ? std::nullopt : std::optional<std::size_t>(3);
  if (text[1] != '[') return 1;  // the key itself, and another one behind it
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (text[i] >= '@' && text[i] <= '~') return i + 1;
    if (i >= kLongest) return i + 1;
  }
  return std::nullopt;
}

void select_row(TopState& state, const std::vector<TopRow>& rows, std::size_t index) {
  if (rows.empty()) return;
  state.selected = std::min(index, rows.size() - 1);
  state.run = rows[state.selected].run;
  state.step = rows[state.selected].step;
}

void say(TopState& state, std::string words, bool trouble = false) {
  state.status = std::move(words);
  state.trouble = trouble;
}

TopAction primitive(TopState& state, const std::vector<TopRow>& rows, const char* name) {
  if (rows.empty()) {
    say(state, "nothing runs: there is no step to act on", true);
    return {};
  }
  const TopRow& row = rows[state.selected];
  return {TopAction::Kind::primitive, row.run, row.step, name};
}

TopAction answered(TopState& state, const KeyPress& key) {
  const std::string run = std::exchange(state.cancels, "");
  if (key.key == Key::letter && (key.letter == 'y' || key.letter == 'Y'))
    return {TopAction::Kind::cancel, run, "", ""};
  say(state, fmt::format("run {} is left alone", short_id(run)));
  return {};
}

TopAction letter(TopState& state, char pressed, const std::vector<TopRow>& rows) {
  const auto sort = [&](TopSort by) {
    state.sort = by;
    return TopAction{};
  };
  switch (pressed) {
    case 'q':
      return {TopAction::Kind::quit, "", "", ""};
    case 'c':
      return sort(TopSort::cpu);
    case 'm':
      return sort(TopSort::memory);
    case 't':
      return sort(TopSort::time);
    case 'n':
      return sort(TopSort::name);
    case 'j':
      select_row(state, rows, state.selected + 1);
      return {};
    case 'k':
      select_row(state, rows, state.selected - std::min<std::size_t>(state.selected, 1));
      return {};
    case 'p':
      return primitive(state, rows, "pause");
    case 'r':
      return primitive(state, rows, "resume");
    case 's':
      return primitive(state, rows, "checkpoint");
    case 'x':
      if (rows.empty()) return primitive(state, rows, "");
      state.cancels = rows[state.selected].run;
      return {};
    default:
      return {};
  }
}

}  // namespace

std::vector<KeyPress> KeyReader::take(std::string_view bytes) {
  rest_ += bytes;
  std::vector<KeyPress> keys;
  std::string_view text = rest_;
  while (!text.empty()) {
    if (text.front() != kEscape) {
      keys.push_back({Key::letter, text.front()});
      text.remove_prefix(1);
      continue;
    }
    const auto length = length_of(text);
    if (!length) break;
    const std::string_view sequence = text.substr(1, *length - 1);
    const auto known = std::find_if(kSequences.begin(), kSequences.end(),
                                    [&](const auto& each) { return each.first == sequence; });
    if (*length == 1) keys.push_back({Key::escape, '\0'});
    if (known != kSequences.end()) keys.push_back({known->second, '\0'});
    text.remove_prefix(*length);
  }
  rest_ = std::string(text);
  return keys;
}

std::vector<KeyPress> KeyReader::flush() {
  if (std::exchange(rest_, "").empty()) return {};
  return {{Key::escape, '\0'}};
}

void keep_selected(TopState& state, const std::vector<TopRow>& rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const TopRow& row) {
    return row.run == state.run && row.step == state.step;
  });
  select_row(state, rows,
             found == rows.end() ? state.selected
                                 : static_cast<std::size_t>(std::distance(rows.begin(), found)));
  if (rows.empty()) state.selected = 0;
}

TopAction press(TopState& state, const KeyPress& key, const std::vector<TopRow>& rows,
                std::size_t page) {
  if (!state.cancels.empty()) return answered(state, key);
  switch (key.key) {
    case Key::letter:
      return letter(state, key.letter, rows);
    case Key::up:
      return letter(state, 'k', rows);
    case Key::down:
      return letter(state, 'j', rows);
    case Key::page_up:
      select_row(state, rows, state.selected - std::min(state.selected, page));
      return {};
    case Key::page_down:
      select_row(state, rows, state.selected + page);
      return {};
    case Key::home:
      select_row(state, rows, 0);
      return {};
    case Key::end:
      select_row(state, rows, rows.size());
      return {};
    case Key::escape:
      say(state, "");
      return {};
  }
  return {};
}

void follow_awaited(TopState& state, const std::vector<TopRow>& rows) {
  if (state.awaited.empty()) return;
  const auto asked = std::find_if(rows.begin(), rows.end(), [&](const TopRow& row) {
    return row.last.is_object() && row.last.value("id", "") == state.awaited;
  });
  if (asked != rows.end() && asked->last.at("outcome").is_null()) return;
  state.awaited.clear();
  if (asked == rows.end()) {
    // Its step is over, or another was asked of it.
    return say(state, fmt::format("{}: 'scanflow runs show' says what became of it", state.of));
  }
  say(state, primitive_line(asked->last), asked->last.at("outcome") != "DONE");
}

}  // namespace scanflow::cli
