// The text being read and what is wrong with it, collected.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"

namespace scanflow::pipeline {

struct Node;

/// A text and where its lines begin. Columns of Location count characters (code points) from 1.
class Source {
 public:
  Source(std::string file, std::string_view text);

  const std::string& file() const { return file_; }
  std::string_view text() const { return text_; }
  bool ascii() const { return ascii_; }
  /// A line, from 1, without its end; empty where there is none.
  std::string_view line(int number) const;
  /// Byte offset of a place; text().size() where there is none.
  std::size_t offset(Location at) const;
  Location location(std::size_t offset) const;
  /// Of a line, from 0, and bytes in it (as yaml-cpp counts).
  Location location(int line, int bytes) const;
  /// Characters that a node takes on its first line: what a message underlines.
  int width(const Node& node) const;

 private:
  std::string file_;
  std::string_view text_;
  std::vector<std::size_t> starts_;
  bool ascii_ = true;
};

/// How many code points.
std::size_t count_characters(std::string_view text);

class Problems {
 public:
  explicit Problems(const Source& source) : source_(source) {}

  /// The reference holds until the next call; add a hint or notes through it.
  Diagnostic& add(Location at, int width, std::string message);
  Diagnostic& add(const Node& node, std::string message);
  const Source& source() const { return source_; }
  bool empty() const { return all_.empty(); }
  /// By place, without repetitions; at most kMost, the last one says how many more there are.
  std::vector<Diagnostic> take();
  /// "train.yaml:3:5", for notes.
  std::string place(Location at) const;

  static constexpr std::size_t kMost = 200;

 private:
  const Source& source_;
  std::vector<Diagnostic> all_;
  std::size_t dropped_ = 0;
  Diagnostic spare_;
};

}  // namespace scanflow::pipeline
