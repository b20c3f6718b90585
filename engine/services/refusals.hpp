// What could not be done, why, and when it is tried again: after growing waits. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::services {

using nlohmann::json;

class Refusals {
 public:
  /// Why this could not be done, where it is not to be tried yet; else "". `about`: of what kind it is: one is known of
  /// each.
  std::string why_not(const std::string& about, const json& what, std::int64_t now_us) const;
  /// The last that was tried of it was refused: whoever refused it was told something else than what holds.
  bool knows(const std::string& about) const { return refused_.contains(about); }
  /// The same, however long ago it was.
  std::string last(const std::string& about, const json& what) const;
  /// `problem`: "": it is done. It is waited for 2 s, and for twice as long each time, up to `longest_us`.
  void note(const std::string& about, const json& what, const std::string& problem,
            std::int64_t longest_us, std::int64_t now_us);

 private:
  struct Refused {
    json what;
    std::string why;
    std::int64_t again_us = 0, wait_us = 0;
  };
  std::map<std::string, Refused> refused_;
};

}  // namespace scanflow::services
