#include "plugins/triggers/file/arrivals.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <unordered_set>

namespace scanflow::triggers {
namespace {

constexpr std::size_t kLetters = 8;  // of a hash in the state: 48 bits
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// FNV-1a (Fowler, Noll, Vo), then SplitMix64's finish, for all bits to be of use.
class NameHash {
 public:
  explicit NameHash(const std::string& name) {
    for (const char letter : name) eat(static_cast<unsigned char>(letter));
  }
  NameHash& with(std::uint64_t number) {
    for (int i = 0; i < 8; ++i) eat((number >> (8 * i)) & 0xff);
    return *this;
  }
  std::uint64_t value() const {
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) & 0xffff'ffff'ffff;
  }

 private:
  void eat(std::uint64_t byte) { state_ = (state_ ^ byte) * 0x100000001b3; }
  std::uint64_t state_ = 0xcbf29ce484222325;
};

std::uint64_t content_of(const FileEntry& file) {
  return NameHash(file.name)
      .with(file.inode)
      .with(static_cast<std::uint64_t>(file.born_ns))
      .with(file.bytes)
      .with(static_cast<std::uint64_t>(file.modified_ns))
      .value();
}
std::uint64_t known_as(const ArrivalLaw& law, const FileEntry& file) {
  if (law.changes) return content_of(file);
  return NameHash(file.name)
      .with(file.inode)
      .with(static_cast<std::uint64_t>(file.born_ns))
      .value();
}

void write_hash(std::uint64_t hash, std::string& into) {
  for (std::size_t i = 0; i < kLetters; ++i) into += kAlphabet[(hash >> (6 * i)) & 63];
}
std::vector<std::uint64_t> read_hashes(std::string_view text) {
  std::vector<std::uint64_t> hashes;
  for (; text.size() >= kLetters; text.remove_prefix(kLetters)) {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < kLetters; ++i) hash |= (kAlphabet.find(text[i]) & 63) << (6 * i);
    hashes.push_back(hash);
  }
  return hashes;
}

}  // namespace

struct Arrivals::Look {
  std::vector<FileEntry> taken;
  std::vector<Handled> handled;                                       // by ctime
  std::vector<std::pair<std::uint64_t, std::int64_t>> taken_pending;  // how they waited
  std::map<std::uint64_t, std::int64_t> pending;
  std::set<std::int64_t> groups;              // times of `pending`
  std::int64_t first_waiting_ns = INT64_MAX;  // ctime
  std::size_t bytes = 0;
};

Arrivals Arrivals::read(std::string_view text) {
  Arrivals arrivals;
  if (text.empty()) return arrivals;
  const auto state = nlohmann::json::parse(text);
  arrivals.looked_ = true;
  arrivals.has_births_ = state.at("births");
  arrivals.missing_since_us_ = state.at("missing_since_us");
  arrivals.covered_ns_ = state.at("covered_ns");
  arrivals.known_ = read_hashes(state.at("known").get_ref<const std::string&>());
  for (const auto& group : state.at("pending"))
    for (const std::uint64_t key : read_hashes(group.at(1).get_ref<const std::string&>()))
      arrivals.pending_[key] = group.at(0);
  return arrivals;
}

std::string Arrivals::text() const {
  std::string known;
  for (const std::uint64_t hash : known_) write_hash(hash, known);
  std::map<std::int64_t, std::string> groups;
  for (const auto& [key, since_us] : pending_) write_hash(key, groups[since_us]);
  auto pending = nlohmann::json::array();
  for (const auto& [since_us, keys] : groups) pending.push_back({since_us, keys});
  return nlohmann::json{{"births", has_births_},
                        {"missing_since_us", missing_since_us_},
                        {"covered_ns", covered_ns_},
                        {"known", known},
                        {"pending", pending}}
      .dump();
}

void Arrivals::miss(std::int64_t now_us) {
  looked_ = true;
  has_more_ = false;
  if (missing_since_us_ == 0) missing_since_us_ = now_us;
}

/// Where there is room.
bool Arrivals::wait(std::uint64_t key, std::int64_t since_us, Look& look) const {
  if (look.pending.size() >= kMostPending) return false;
  if (!look.groups.contains(since_us) && look.groups.size() >= kMostGroups) return false;
  look.groups.insert(since_us);
  look.pending[key] = since_us;
  return true;
}

void Arrivals::settle(const ArrivalLaw& law, const std::vector<FileEntry>& present,
                      std::int64_t now_us, Look& look) {
  const std::unordered_set<std::uint64_t> known(known_.begin(), known_.end());
  const bool all = !looked_ && !law.existing;
  for (const FileEntry& file : present) {
    if (file.changed_ns <= covered_ns_) continue;
    const std::uint64_t hash = known_as(law, file);
    if (all || known.contains(hash)) {
      look.handled.push_back({file.changed_ns, hash, 0});
      continue;
    }
    const std::uint64_t key = content_of(file);
    const auto found = pending_.find(key);
    const std::int64_t since_us =
        found == pending_.end() ? now_us : std::min(found->second, now_us);
    const bool complete = now_us - since_us >= law.settle_us;
    const std::size_t bytes = file.name.size() + law.bytes_each;
    const bool fits = look.taken.size() < law.most &&
                      (look.taken.empty() || look.bytes + bytes <= law.most_bytes);
    if (complete && fits) {
      look.taken.push_back(file);
      look.taken_pending.emplace_back(key, since_us);
      look.handled.push_back({file.changed_ns, hash, look.taken.size()});
      look.bytes += bytes;
      continue;
    }
    has_more_ = has_more_ || complete;
    look.first_waiting_ns = std::min(look.first_waiting_ns, file.changed_ns);
    wait(key, since_us, look);
  }
}

/// What is taken in is known from now on; where that is too much, the watermark covers the oldest, up to one that waits; and
/// what there is no room for even so, waits.
void Arrivals::remember(Look& look) {
  const auto beyond = [&](const Handled& each) { return each.changed_ns >= look.first_waiting_ns; };
  auto uncovered = std::count_if(look.handled.begin(), look.handled.end(), beyond);
  for (auto each = look.handled.end();
       each != look.handled.begin() && uncovered > static_cast<std::ptrdiff_t>(kMostKnown);) {
    --each;
    if (each->taken == 0 || !beyond(*each)) continue;
    const auto& [key, since_us] = look.taken_pending[each->taken - 1];
    wait(key, since_us, look);
    look.taken.resize(each->taken - 1);  // those after it were given back before
    each = look.handled.erase(each);
    --uncovered;
  }
  std::size_t from = 0;
  const std::size_t count = look.handled.size();
  while (count - from > kMostKnown && !beyond(look.handled[from])) {
    covered_ns_ = look.handled[from].changed_ns;
    while (from < count && look.handled[from].changed_ns == covered_ns_) ++from;
  }
  std::vector<std::uint64_t> known;
  if (has_births_) {
    std::unordered_set<std::uint64_t> here;
    for (const Handled& each : look.handled) here.insert(each.hash);
    const std::size_t room = kMostKnown - std::min(kMostKnown, count - from);
    for (auto each = known_.rbegin(); each != known_.rend() && known.size() < room; ++each)
      if (!here.contains(*each)) known.push_back(*each);
    std::reverse(known.begin(), known.end());
  }
  for (; from < count; ++from) known.push_back(look.handled[from].hash);
  known_ = std::move(known);
  pending_ = std::move(look.pending);
}

std::vector<FileEntry> Arrivals::take(const ArrivalLaw& law, std::vector<FileEntry> present,
                                      std::int64_t now_us) {
  std::sort(present.begin(), present.end(), [](const FileEntry& a, const FileEntry& b) {
    return std::tie(a.changed_ns, a.name) < std::tie(b.changed_ns, b.name);
  });
  if (!present.empty()) has_births_ = present.front().born_ns != 0;
  Look look;
  has_more_ = false;
  settle(law, present, now_us, look);
  looked_ = true;
  remember(look);
  if (!look.taken.empty()) missing_since_us_ = 0;
  return std::move(look.taken);
}

}  // namespace scanflow::triggers
