// Which objects of a cluster are as a rule waits for: each on its own edge, whatever the watch repeats. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::triggers {

/// What is waited for.
struct ObjectLaw {
  enum class When {
    holds,       // its value is one of `is`, or above or below a limit, for so long
    changes,     // its value is another than it was
    appears,     // there is an object that was not there
    disappears,  // one is not there any more
  };
  When when = When::appears;
  std::vector<std::string> is;  // as text; JSON of what is none
  std::optional<double> above, below;
  std::int64_t for_us = 0;
};

/// What is told of a watch: {"change": "there" | "added" | "modified" | "deleted", "object": {"kind", "namespace", "name",
/// "uid"}, "value"}, and once those that are there were told: {"change": "listed", "uids": [...]}: others are gone.
class ObjectEdges {
 public:
  /// Empty: nothing was listed yet. Throws json::exception where it is not one of text().
  static ObjectEdges read(std::string_view text);
  std::string text() const;  // below 64 KiB

  /// The evidence of each firing: {"change", "object", "value", "since_us", and of `changes` "was"}. Of what was there when
  /// it is listed for the first time, `appears`, `changes` and `disappears` know only from then on.
  std::vector<nlohmann::json> take(const ObjectLaw& law, const nlohmann::json& told,
                                   std::int64_t now_us);
  /// What was seen until now may be long ago: what holds, but has not fired, must hold for as long from now on.
  void begin_anew(std::int64_t now_us);
  /// Those that hold for long enough now.
  std::vector<nlohmann::json> due(const ObjectLaw& law, std::int64_t now_us);
  /// When one may fire that holds so far.
  std::optional<std::int64_t> next_us(const ObjectLaw& law) const;

 private:
  struct Kept {
    std::int64_t since_us = 0;
    bool fired = false;
    nlohmann::json object, value;  // null: they are needed no more
    std::size_t size() const;
  };
  void see(const ObjectLaw& law, const nlohmann::json& told, std::int64_t now_us,
           std::vector<nlohmann::json>& fires);
  void lose(const ObjectLaw& law, const std::string& uid, std::int64_t now_us,
            std::vector<nlohmann::json>& fires);
  /// False: there is no room.
  bool keep(const std::string& uid, Kept kept);

  bool listed_ = false;
  std::map<std::string, Kept> kept_;  // by uid
  std::size_t bytes_ = 0;             // of all of them
};

}  // namespace scanflow::triggers
