#include "engine/knowledge/knowledge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/knowledge/identity.hpp"

namespace scanflow::knowledge {
namespace {

// How much is done while the mutex is held.
constexpr std::size_t kSamples = 256, kAged = 32;
constexpr std::uint32_t kSlots = 1024;

std::string_view word(Kind kind) { return kind == Kind::gauge ? "gauge" : "counter"; }

std::size_t place(Outcome outcome) { return static_cast<std::size_t>(outcome); }

}  // namespace

Knowledge::Knowledge(const Options& options, Warn warn)
    : options_(options),
      shares_(divide(options)),
      warn_(std::move(warn)),
      catalog_(options, shares_, &catalog_memory_),
      history_(options, shares_, &catalog_memory_, &block_memory_) {}

Result<SeriesId> Knowledge::add(std::string_view name, const Labels& labels, Kind kind,
                                std::int64_t now_us) {
  const auto identity = identity_of(name, labels);
  if (!identity) return tl::unexpected(identity.error());
  // Without the mutex: none but this thread changes anything.
  const CatalogName* const known = catalog_.name(name);
  if (known != nullptr && known->kind != kind) {
    return fail(fmt::format("metric '{}' is a {}; {} cannot be a {} (give it another name)", name,
                            word(known->kind), describe(*identity), word(kind)));
  }
  if (const std::uint32_t slot = catalog_.find(*identity); slot != Catalog::kNone) {
    return SeriesId{slot, history_.at(slot).generation};
  }
  std::string warning;
  auto added = [&]() -> Result<SeriesId> {
    const std::lock_guard lock(mutex_);
    const auto slot = catalog_.add(*identity, kind, history_.has_room(), warning);
    if (!slot) return tl::unexpected(slot.error());
    history_.start(*slot, kind, now_us);
    return SeriesId{*slot, history_.at(*slot).generation};
  }();
  if (!warning.empty() && warn_) warn_(warning);
  return added;
}

Outcome Knowledge::append(SeriesId series, const Sample& sample, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const Outcome outcome = history_.append(series, sample, now_us);
  ++samples_[place(outcome)];
  return outcome;
}

Appended Knowledge::append(std::span<const SeriesSample> batch, std::int64_t now_us) {
  Appended appended;
  for (std::size_t begin = 0; begin < batch.size(); begin += kSamples) {
    const std::size_t end = std::min(begin + kSamples, batch.size());
    const std::lock_guard lock(mutex_);
    for (std::size_t i = begin; i < end; ++i) {
      const Outcome outcome = history_.append(batch[i].series, batch[i].sample, now_us);
      ++appended.counts[place(outcome)];
      ++samples_[place(outcome)];
      if (outcome == Outcome::unknown) appended.unknown.push_back(i);
    }
  }
  return appended;
}

void Knowledge::maintain(std::int64_t now_us) {
  const auto aged = [&] {
    const std::lock_guard lock(mutex_);
    return !history_.age(now_us, kAged);
  };
  while (!aged()) {
  }
  for (std::uint32_t slot = 0; expire_some(slot, now_us);) {
  }
}

bool Knowledge::expire_some(std::uint32_t& slot, std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  const auto end = static_cast<std::uint32_t>(
      std::min<std::size_t>(history_.slots(), std::size_t{slot} + kSlots));
  for (; slot < end; ++slot) {
    const Track& track = history_.at(slot);
    if (!track.used || now_us - track.touched_us <= options_.idle_us) continue;
    history_.end(slot);
    catalog_.remove(slot);
    ++expired_;
  }
  return end < history_.slots();
}

Usage Knowledge::usage() const {
  const std::lock_guard lock(mutex_);
  Usage usage;
  usage.bytes = sizeof(*this) + catalog_memory_.bytes() + block_memory_.bytes();
  usage.budget_bytes = std::max(options_.budget_bytes, kLeastBudget);
  usage.series = catalog_.size();
  usage.blocks = history_.pool().used();
  usage.blocks_most = history_.pool().capacity();
  usage.samples = samples_;
  usage.refused = catalog_.refused();
  usage.expired = expired_;
  usage.folded = history_.folded();
  usage.dropped = history_.dropped();
  usage.set_back = history_.set_back();
  return usage;
}

}  // namespace scanflow::knowledge
