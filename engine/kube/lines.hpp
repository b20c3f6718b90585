// Cuts what comes in pieces into lines. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace scanflow::kube {

class Lines {
 public:
  /// Each line that this piece ends, without its line break.
  template <class Take>
  void add(std::string_view piece, Take take) {
    std::size_t end = 0;
    while ((end = piece.find('\n')) != std::string_view::npos) {
      if (rest_.empty()) {
        take(piece.substr(0, end));
      } else {
        rest_.append(piece.substr(0, end));
        const std::string line = std::exchange(rest_, {});
        take(std::string_view(line));
      }
      piece.remove_prefix(end + 1);
    }
    rest_.append(piece);
  }
  /// What has come of a line that has not ended.
  std::size_t pending() const { return rest_.size(); }

 private:
  std::string rest_;
};

}  // namespace scanflow::kube
