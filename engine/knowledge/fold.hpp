// Puts samples and buckets into a series' buckets of a coarser tier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/knowledge/bucket.hpp"
#include "engine/knowledge/history.hpp"

namespace scanflow::knowledge {

/// Takes the last bucket out of the tier's newest block, goes on with it, and writes it again at the
/// end: so buckets that lie across two blocks need no state of their own, and readers find all that
/// there is in blocks.
class Fold {
 public:
  Fold(History& history, std::uint32_t slot, std::size_t tier);
  /// In the order of time.
  void add(const Bucket& bucket);
  /// Once, at the end.
  void finish();

 private:
  void reopen();
  void write();

  History& history_;
  std::uint32_t slot_;
  std::size_t tier_;
  std::int64_t width_us_;
  BucketState state_;
  std::optional<Bucket> last_;
};

}  // namespace scanflow::knowledge
