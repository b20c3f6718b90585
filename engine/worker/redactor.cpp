#include "engine/worker/redactor.hpp"

#include <algorithm>
#include <utility>

namespace scanflow::worker {

Patterns::Patterns(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.size() >= kMinBytes) add(text);
  }
  link();
}

void Patterns::add(std::string_view text) {
  State state = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    State at = child(state, byte);
    if (at == 0) {
      at = static_cast<State>(nodes_.size());
      Node node;
      node.byte = byte;
      node.depth = nodes_[state].depth + 1;
      node.sibling = std::exchange(nodes_[state].child, at);
      nodes_.push_back(node);
      if (state == 0) roots_[byte] = at;
    }
    state = at;
  }
  nodes_[state].longest = nodes_[state].depth;
  const auto first = static_cast<unsigned char>(text[0]);
  begins_.set(static_cast<std::size_t>(first) << 8 | static_cast<unsigned char>(text[1]));
}

Patterns::State Patterns::child(State state, unsigned char byte) const {
  if (state == 0) return roots_[byte];
  State at = nodes_[state].child;
  while (at != 0 && nodes_[at].byte != byte) at = nodes_[at].sibling;
  return at;
}

Patterns::State Patterns::next(State state, unsigned char byte) const {
  for (; state != 0; state = nodes_[state].fail) {
    if (const State at = child(state, byte); at != 0) return at;
  }
  return roots_[byte];
}

/// Breadth first: what a node's link refers to is nearer to the root, and linked already.
void Patterns::link() {
  std::vector<State> order;
  order.reserve(nodes_.size());
  for (State at = nodes_[0].child; at != 0; at = nodes_[at].sibling) order.push_back(at);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const State parent = order[i];
    for (State at = nodes_[parent].child; at != 0; at = nodes_[at].sibling) {
      Node& node = nodes_[at];
      node.fail = next(nodes_[parent].fail, node.byte);
      if (node.longest == 0) node.longest = nodes_[node.fail].longest;
      order.push_back(at);
    }
  }
}

void Redactor::feed(std::string_view bytes, std::string& out) {
  const std::size_t from = held_.size();
  held_.append(bytes);
  scan(from);
  // What may still become an occurrence begins within the last `depth` bytes.
  release(held_.size() - patterns_->nodes_[state_].depth, out);
}

void Redactor::finish(std::string& out, bool cut) {
  const std::size_t begun = patterns_->nodes_[state_].depth;
  if (cut && begun >= Patterns::kMinBytes) cover(held_.size() - begun, held_.size());
  release(held_.size(), out);
  state_ = 0;
}

void Redactor::scan(std::size_t from) {
  const Patterns& patterns = *patterns_;
  const auto* const data = reinterpret_cast<const unsigned char*>(held_.data());
  const std::size_t size = held_.size();
  for (std::size_t i = from; i < size; ++i) {
    if (state_ == 0) {
      while (i + 1 < size && !patterns.begins(data[i], data[i + 1])) ++i;
    }
    state_ = patterns.next(state_, data[i]);
    const std::size_t longest = patterns.nodes_[state_].longest;
    if (longest > 0) cover(i + 1 - longest, i + 1);
  }
}

void Redactor::cover(std::size_t begin, std::size_t end) {
  bool replaced = false;
  while (!ranges_.empty() && ranges_.back().end > begin) {
    begin = std::min(begin, ranges_.back().begin);
    replaced = ranges_.back().replaced;
    ranges_.pop_back();
  }
  ranges_.push_back({begin, end, replaced});
}

/// Gives out the first `count` bytes that are held. No occurrence that is found later begins in
/// them, so that what is decided here does not depend on where the stream was cut.
void Redactor::release(std::size_t count, std::string& out) {
  std::size_t at = 0;
  auto range = ranges_.begin();
  for (; range != ranges_.end() && range->begin < count; ++range) {
    out.append(held_, at, range->begin - at);
    if (!std::exchange(range->replaced, true)) out += kRedacted;
    at = std::min(range->end, count);
    if (range->end > count) break;  // goes on in what is kept
  }
  out.append(held_, at, count - at);
  ranges_.erase(ranges_.begin(), range);
  for (Range& left : ranges_) {
    left.begin = std::max(left.begin, count) - count;
    left.end -= count;
  }
  held_.erase(0, count);
}

std::string redact(const std::shared_ptr<const Patterns>& patterns, std::string_view text,
                   bool cut) {
  std::string out;
  Redactor redactor(patterns);
  redactor.feed(text, out);
  redactor.finish(out, cut);
  return out;
}

}  // namespace scanflow::worker
