#include "engine/knowledge/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/knowledge/identity.hpp"

namespace scanflow::knowledge {
namespace {

/// Of names that have no series one warns; then once more, for all others.
constexpr std::size_t kMostWarned = 100;

/// What adding a series may take beside its identity and its name's list: nodes of tables.
constexpr std::size_t kForOne = 1024;

}  // namespace

Catalog::Catalog(const Options& options, const Shares& shares, CountedMemory* memory)
    : options_(options),
      shares_(shares),
      memory_(memory),
      by_identity_(memory),
      identities_(memory),
      free_(memory),
      names_(memory),
      warned_(memory) {
  by_identity_.reserve(shares.series);
  identities_.reserve(shares.series);
  free_.reserve(shares.series);
}

Catalog::~Catalog() {
  for (const auto& [identity, slot] : by_identity_) {
    memory_->deallocate(const_cast<char*>(identity.data()), identity.size(), 1);
  }
}

std::uint32_t Catalog::find(std::string_view identity) const {
  const auto found = by_identity_.find(identity);
  return found == by_identity_.end() ? kNone : found->second;
}

const CatalogName* Catalog::name(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &found->second;
}

std::string Catalog::over_limit(std::string_view name, const CatalogName* known, std::size_t bytes,
                                bool blocks_left) const {
  if (known != nullptr && known->slots.size() >= options_.max_series_per_name) {
    return fmt::format(
        "metric '{}' has {} series, the most that one name may have (is a label of it different "
        "each time, such as an id or a path? Leave that out, or raise max_series_per_name)",
        name, known->slots.size());
  }
  if (size() >= shares_.series && shares_.series == options_.max_series) {
    return fmt::format(
        "there are {} series, the most that may be; metric '{}' gets no further ones (send fewer "
        "labels, or raise max_series and budget_bytes)",
        size(), name);
  }
  const bool fits = size() < shares_.series && memory_->bytes() + bytes <= shares_.catalog_bytes;
  if (fits && blocks_left) return "";
  return fmt::format(
      "the {} series that there are fill the memory for them; metric '{}' gets no further ones "
      "(send fewer labels, or raise budget_bytes, which is {} MiB)",
      size(), name, options_.budget_bytes >> 20);
}

tl::unexpected<Error> Catalog::refuse(std::string_view name, CatalogName* known,
                                      const std::string& why, std::string& warning) {
  ++refused_;
  if (known != nullptr) {
    ++known->refused;
    if (!std::exchange(known->warned, true)) warning = why;
  } else if (warned_.size() < kMostWarned) {
    if (warned_.emplace(name).second) warning = why;
  } else if (warned_.size() == kMostWarned && !warned_.contains(name)) {
    warned_.emplace();  // empty, as no name is
    warning = why + "; further names that get none are counted, and not told";
  }
  return fail(why);
}

Result<std::uint32_t> Catalog::add(std::string_view identity, Kind kind, bool blocks_left,
                                   std::string& warning) {
  const std::string_view name = name_in(identity);
  const auto found = names_.find(name);
  CatalogName* known = found == names_.end() ? nullptr : &found->second;
  const std::size_t growth = known == nullptr ? 0 : known->slots.capacity() * 8;
  const std::string why = over_limit(name, known, kForOne + identity.size() + growth, blocks_left);
  if (!why.empty()) return refuse(name, known, why, warning);
  if (known == nullptr) {
    known = &names_.try_emplace(std::pmr::string(name, memory_), memory_).first->second;
    known->kind = kind;
  }
  const auto data = static_cast<char*>(memory_->allocate(identity.size(), 1));
  std::memcpy(data, identity.data(), identity.size());
  const std::string_view owned(data, identity.size());
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(identities_.size());
    identities_.push_back(owned);
  } else {
    slot = free_.back();
    free_.pop_back();
    identities_[slot] = owned;
  }
  by_identity_.emplace(owned, slot);
  known->slots.push_back(slot);
  return slot;
}

void Catalog::remove(std::uint32_t slot) {
  const std::string_view identity = std::exchange(identities_[slot], {});
  const auto found = names_.find(name_in(identity));
  auto& slots = found->second.slots;
  slots.erase(std::find(slots.begin(), slots.end(), slot));
  if (slots.empty()) names_.erase(found);
  by_identity_.erase(identity);
  free_.push_back(slot);
  memory_->deallocate(const_cast<char*>(identity.data()), identity.size(), 1);
}

}  // namespace scanflow::knowledge
