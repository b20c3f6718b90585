// What a test wants to go wrong. Pure; the server carries it out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/kube/route.hpp"

namespace scanflow::test::kube {

struct Fault {
  enum class Kind {
    status,         // instead of an answer
    slow,           // the answer comes later
    close_before,   // the connection is closed, nothing was done
    close_after,    // the connection is closed, but what was asked for is done
    stale,          // get and list answer as things were `versions` ago
    no_bookmarks,   // of a watch
    end_watch,      // a watch ends at once after what it begins with
    compact_watch,  // a watch's version is too old: an ERROR event of 410
  };
  Kind kind = Kind::status;
  // Which requests; empty: any. `resource` is a plural; `name` is a pattern of * and others (an
  // object's that is made counts, too).
  std::string verb = {}, resource = {}, name = {};
  double probability = 1;
  std::uint64_t times = UINT64_MAX;  // how often at most
  std::uint64_t after = 0;           // so many that would be met are spared first
  // What is done.
  int status = 503;       // 409, 410, 429, 500, 503 have the server's words
  int retry_after_s = 0;  // 429 and 503; 0: not said
  std::chrono::milliseconds delay{0};
  std::uint64_t versions = 0;
};

class Faults {
 public:
  void add(Fault fault) { rules_.push_back(std::move(fault)); }
  void clear() { rules_.clear(); }
  void seed(std::uint64_t seed) { random_.seed(seed); }
  /// Those that befall a request; each counts down.
  std::vector<Fault> meet(const Route& route, const std::string& name);

 private:
  std::vector<Fault> rules_;
  std::mt19937_64 random_{7};
};

/// `*`: any characters.
bool matches_pattern(std::string_view pattern, std::string_view text);

class Refusal;
/// What a fault of status says.
Refusal refusal_of(const Fault& fault, const Route& route);

}  // namespace scanflow::test::kube
