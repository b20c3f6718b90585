// What was asked of a server, for tests that bound it. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

namespace scanflow::test::kube {

struct Counters {
  using Key = std::tuple<std::string, std::string, int>;  // verb, resource, status
  std::map<Key, std::uint64_t> requests;                  // closed unanswered: status 0
  std::uint64_t most_in_a_second = 0;                     // within any second
  std::uint64_t watches = 0, most_watches = 0;            // now, and ever at once

  /// Empty: any; 0: any.
  std::uint64_t count(const std::string& verb = "", const std::string& resource = "",
                      int status = 0) const {
    std::uint64_t sum = 0;
    for (const auto& [key, times] : requests) {
      const auto& [of_verb, of_resource, of_status] = key;
      if ((verb.empty() || verb == of_verb) && (resource.empty() || resource == of_resource) &&
          (status == 0 || status == of_status))
        sum += times;
    }
    return sum;
  }

  void add(Key key, std::int64_t now_us) {
    ++requests[std::move(key)];
    recent_us.push_back(now_us);
    while (recent_us.front() <= now_us - 1'000'000) recent_us.pop_front();
    most_in_a_second = std::max<std::uint64_t>(most_in_a_second, recent_us.size());
  }
  void watches_are(std::uint64_t now) {
    watches = now;
    most_watches = std::max(most_watches, now);
  }

  std::deque<std::int64_t> recent_us;  // the requests of the last second
};

}  // namespace scanflow::test::kube
