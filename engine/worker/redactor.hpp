// Replaces texts in a stream of bytes, found wherever reads happen to cut it: pure.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::worker {

/// What redacted text is replaced by.
inline constexpr std::string_view kRedacted = "***";

/// The texts that are looked for, all at once (Aho and Corasick's automaton): the time per byte does
/// not grow with their number. 24 bytes of memory for each of theirs. Immutable.
class Patterns {
 public:
  /// Shorter ones are not looked for: they are in every text.
  static constexpr std::size_t kMinBytes = 4;

  explicit Patterns(const std::vector<std::string>& texts);
  bool empty() const { return nodes_.size() == 1; }

 private:
  friend class Redactor;
  using State = std::uint32_t;  // index of a node; 0: nothing has begun
  struct Node {
    State child = 0;    // the first one; 0: none
    State sibling = 0;  // the next child of the same parent
    State fail = 0;     // of the longest proper suffix that is in the tree too
    std::uint32_t depth = 0;
    std::uint32_t longest = 0;  // bytes of the longest text that ends here; 0: none does
    unsigned char byte = 0;
  };

  void add(std::string_view text);
  State child(State state, unsigned char byte) const;
  State next(State state, unsigned char byte) const;
  void link();
  bool begins(unsigned char first, unsigned char second) const {
    return begins_[static_cast<std::size_t>(first) << 8 | second];
  }

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<State, 256> roots_{};  // children of node 0, by their byte
  std::bitset<65536> begins_;       // pairs of bytes that a text begins with
};

/// One stream. Every byte that lies in any occurrence of any text is replaced; occurrences that
/// overlap are replaced together. Keeps back what may become an occurrence: less than the longest
/// text. Any bytes may be in stream and texts.
class Redactor {
 public:
  explicit Redactor(std::shared_ptr<const Patterns> patterns) : patterns_(std::move(patterns)) {}

  /// Appends to `out` what is certain of the stream up to here.
  void feed(std::string_view bytes, std::string& out);
  /// The stream has ended: appends the rest. `cut`: perhaps in the middle of a text (who wrote it
  /// was killed), so that what may be the first part of one is replaced too.
  void finish(std::string& out, bool cut = false);

 private:
  struct Range {
    std::size_t begin;  // in held_
    std::size_t end;
    bool replaced;  // its first part went out as kRedacted
  };

  void scan(std::size_t from);
  void cover(std::size_t begin, std::size_t end);
  void release(std::size_t count, std::string& out);

  std::shared_ptr<const Patterns> patterns_;
  Patterns::State state_ = 0;
  std::string held_;
  std::vector<Range> ranges_;  // disjoint, in order
};

/// One text. `cut`: as in Redactor::finish.
std::string redact(const std::shared_ptr<const Patterns>& patterns, std::string_view text,
                   bool cut = false);

}  // namespace scanflow::worker
