// Keys of `scanflow top`: what a terminal sends for them, and what they do. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/top_rows.hpp"

namespace scanflow::cli {

enum class Key { letter, up, down, page_up, page_down, home, end, escape };
struct KeyPress {
  Key key = Key::letter;
  char letter = '\0';  // of Key::letter
};

/// Makes keys of the bytes that come from a terminal.
class KeyReader {
 public:
  /// An escape sequence may come in pieces: what is not whole yet waits for the next bytes.
  std::vector<KeyPress> take(std::string_view bytes);
  /// Nothing came for a while: an escape that waits is the key.
  std::vector<KeyPress> flush();

 private:
  std::string rest_;
};

/// What the user has chosen. It changes by keys, and as attempts come and go.
struct TopState {
  TopSort sort = TopSort::cpu;
  std::string run, step;  // of the row that is selected; "": of none
  std::size_t selected = 0;
  std::string cancels;   // the run that is cancelled if the answer is yes; "": nothing is asked
  std::string status;    // what became of the last key, in a line
  bool trouble = false;  // `status` is bad news
  std::string awaited;   // the id of a primitive that has no outcome yet
  std::string of;        // "pause of train": that one in words
};

/// What a key asks for beyond the view.
struct TopAction {
  enum class Kind { none, quit, primitive, cancel };
  Kind kind = Kind::none;
  std::string run, step, primitive;
};

/// Keeps the selected row though rows move; where it is gone, the one that took its place.
void keep_selected(TopState& state, const std::vector<TopRow>& rows);

/// `page`: how many rows are on the screen.
TopAction press(TopState& state, const KeyPress& key, const std::vector<TopRow>& rows,
                std::size_t page);

/// The outcome of what was asked, once the rows have it.
void follow_awaited(TopState& state, const std::vector<TopRow>& rows);

}  // namespace scanflow::cli
