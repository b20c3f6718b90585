// Recent metrics of every Pod, step, service and agent, in memory of a fixed size, and queries over
// them. What must not be lost (logged metrics) belongs into the store.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/knowledge/catalog.hpp"
#include "engine/knowledge/counted_memory.hpp"
#include "engine/knowledge/history.hpp"
#include "engine/knowledge/query.hpp"
#include "engine/knowledge/shares.hpp"
#include "engine/knowledge/types.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::knowledge {

/// What became of a batch: by Outcome, and the places in it of what was `unknown`.
struct Appended {
  std::array<std::uint64_t, kOutcomes> counts{};
  std::vector<std::size_t> unknown;
};

/// Since the beginning, but for what is the case now.
struct Usage {
  std::size_t bytes = 0;  // now: all memory, with what malloc adds
  std::size_t budget_bytes = 0;
  std::size_t series = 0;  // now
  std::size_t blocks = 0;  // now: of 256 bytes
  std::size_t blocks_most = 0;
  std::array<std::uint64_t, kOutcomes> samples{};  // by Outcome
  std::uint64_t refused = 0;                       // attempts to add a series beyond a limit
  std::uint64_t expired = 0;                       // series that were idle
  std::uint64_t folded = 0;                        // blocks that became buckets
  std::uint64_t dropped = 0;                       // blocks whose samples are gone
  std::uint64_t set_back = 0;  // series that began anew because the clock was set back
};

/// One thread writes (the hub's): add, append, maintain. Any threads read at the same time. One
/// mutex guards all: the writer holds it for 256 samples at most, a reader while it copies the
/// blocks of one series (it decodes the copies without it). So a query sees each series as it is at
/// one instant, but not all of them at the same one.
class Knowledge {
 public:
  /// Told once for each name of which a series was refused for a limit (of names without any series
  /// the first 100), by the writer's thread: what, the limit, the fix. Must not throw.
  using Warn = std::function<void(const std::string& warning)>;

  explicit Knowledge(const Options& options = {}, Warn warn = {});

  // ---- The writer
  /// Names a series, for append(); the same one for what was added before and has not expired. All
  /// series of a name are of one kind. An error says which limit is reached, or what is wrong with
  /// the name, the labels or the kind, and the fix.
  Result<SeriesId> add(std::string_view name, const Labels& labels, Kind kind, std::int64_t now_us);
  /// `now_us` is the writer's own clock; samples may have been stamped by others'.
  Outcome append(SeriesId series, const Sample& sample, std::int64_t now_us);
  Appended append(std::span<const SeriesSample> batch, std::int64_t now_us);
  /// Lets old samples age and idle series expire: to be called each second or so. Appending alone
  /// keeps the memory within its bounds, too.
  void maintain(std::int64_t now_us);

  // ---- Readers
  /// No such metric, or no sample: an answer without a value. Errors: a window that is not above 0,
  /// a quantile not of 0 to 1, rate or increase of a gauge.
  Result<Answer> ask(const Query& query, std::int64_t now_us) const;
  Result<Range> range(const RangeQuery& query) const;
  /// By name, then in the order in which they were added. An empty name: of all.
  std::vector<SeriesInfo> series(std::string_view name, const LabelSelector& labels,
                                 std::size_t most) const;
  std::vector<NameInfo> names() const;
  /// Sorted, each once.
  std::vector<std::string> label_values(std::string_view name, const std::string& key) const;
  Usage usage() const;

 private:
  struct Slots {
    Kind kind = Kind::gauge;
    std::vector<SeriesId> ids;
  };
  Slots slots_of(std::string_view name) const;
  /// `use(identity, track)` under the mutex where the series is there still and is selected.
  template <class Use>
  void with(SeriesId id, const LabelSelector& labels, Use&& use) const;
  bool expire_some(std::uint32_t& slot, std::int64_t now_us);

  const Options options_;
  const Shares shares_;
  const Warn warn_;

  mutable std::mutex mutex_;  // of all below; the writer's thread may read without it
  CountedMemory catalog_memory_, block_memory_;
  Catalog catalog_;
  History history_;
  std::array<std::uint64_t, kOutcomes> samples_{};
  std::uint64_t expired_ = 0;
};

}  // namespace scanflow::knowledge
