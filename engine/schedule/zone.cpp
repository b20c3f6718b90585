#include "engine/schedule/zone.hpp"

#include <cctz/civil_time.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include "sdk/base/files.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::schedule {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

/// Where cctz looks.
std::filesystem::path database() {
  const char* set = std::getenv("TZDIR");
  return set != nullptr && *set != '\0' ? set : "/usr/share/zoneinfo";
}

/// cctz would take paths and "libc:localtime"; and `localtime`, which means something else on each
/// machine, lies among the zones. All names of IANA's begin with a capital letter.
bool is_name(std::string_view name) {
  return !name.empty() && name.front() >= 'A' && name.front() <= 'Z' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
         });
}

/// UTC and the places in the database's list: lines of country, coordinates, name, sometimes a
/// comment, between tabs. Not Etc/GMT+2, which is two hours west of Greenwich.
Result<std::vector<std::string>> places() {
  const auto text = read_file(database() / "zone.tab");
  if (!text) return tl::unexpected(text.error());
  std::vector<std::string> names = {"UTC"};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream columns(line);
    std::string country, coordinates, name;
    if (!line.starts_with('#') && columns >> country >> coordinates >> name) names.push_back(name);
  }
  return names;
}

/// In lower case, spaces as underscores: "new york" is New_York.
std::string folded(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return c == ' ' ? '_' : static_cast<char>(std::tolower(c));
  });
  return out;
}

std::string city_of(const std::string& folded_name) {
  return folded_name.substr(folded_name.rfind('/') + 1);
}

/// At most three, by the whole name or by the city alone.
std::vector<std::string> nearest_places(std::string_view name,
                                        const std::vector<std::string>& all) {
  std::set<std::string> words;
  for (const std::string& each : all) words.insert({folded(each), city_of(folded(each))});
  std::string word = folded(name);
  if (!words.contains(word)) {
    const std::vector<std::string> list(words.begin(), words.end());
    word = nearest(word, list);
  }
  std::vector<std::string> found;
  for (const std::string& each : all) {
    if (found.size() < 3 && (folded(each) == word || city_of(folded(each)) == word)) {
      found.push_back(each);
    }
  }
  return found;
}

std::string unknown(std::string_view name) {
  const auto all = places();
  if (!all) {
    return fmt::format("there is no time zone '{}': {} (install the package tzdata)", name,
                       all.error().message);
  }
  if (std::find(all->begin(), all->end(), name) != all->end()) {
    return fmt::format(
        "time zone '{}' cannot be read from {} (install the package tzdata anew, then restart)",
        name, database().native());
  }
  const std::vector<std::string> near = nearest_places(name, *all);
  const std::string meant =
      near.empty() ? "" : fmt::format(", did you mean '{}'?", fmt::join(near, "' or '"));
  return fmt::format(
      "there is no time zone '{}'{} (it takes the IANA names in {}, for example 'Europe/Madrid' or "
      "'UTC')",
      name, meant, database().native());
}

/// What a clock at UTC shows, read as an instant.
sys_seconds as_utc(const cctz::civil_second& shown) {
  return sys_seconds(seconds(shown - cctz::civil_second(1970)));
}

}  // namespace

Result<Zone> Zone::find(std::string_view name) {
  if (name.empty()) name = "UTC";
  cctz::time_zone zone;
  if (!is_name(name) || !cctz::load_time_zone(std::string(name), &zone)) return fail(unknown(name));
  return Zone(std::string(name), zone);
}

Period Zone::period_from(sys_seconds time) const {
  const seconds offset(zone_.lookup(time).offset);
  cctz::time_zone::civil_transition change;
  if (!zone_.next_transition(time, &change)) return {time, sys_seconds::max(), offset};
  return {time, as_utc(change.from) - offset, offset};
}

}  // namespace scanflow::schedule
