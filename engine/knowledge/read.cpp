// What readers call.
#include <fmt/format.h>

#include <set>

#include "engine/knowledge/evaluate.hpp"
#include "engine/knowledge/identity.hpp"
#include "engine/knowledge/knowledge.hpp"

namespace scanflow::knowledge {
namespace {

Result<void> check(const Query& query, Kind kind) {
  const auto wrong = [&](const std::string& what) {
    return fail(fmt::format("query of metric '{}': {}", query.name, what));
  };
  if (query.window_us <= 0) {
    return wrong(fmt::format("the window is {} us; it must be above 0", query.window_us));
  }
  if (query.function == Function::quantile && !(query.q >= 0 && query.q <= 1)) {
    return wrong(fmt::format("the quantile is {}; it must be from 0 to 1", query.q));
  }
  const bool grows = query.function == Function::rate || query.function == Function::increase;
  if (!grows || kind == Kind::counter) return {};
  return wrong(
      "it is a gauge; rate and increase are of counters (last, avg, min, max, sum and "
      "quantile are of both)");
}

Result<void> check(const RangeQuery& query) {
  const auto wrong = [&](const std::string& what) {
    return fail(fmt::format("range of metric '{}': {}", query.name, what));
  };
  if (query.step_us <= 0) {
    return wrong(fmt::format("the step is {} us; it must be above 0", query.step_us));
  }
  if (query.from_us < 0 || query.to_us < query.from_us) {
    return wrong(fmt::format("it ends at {} us, before it begins at {} us, or begins before 1970",
                             query.to_us, query.from_us));
  }
  if ((query.to_us - query.from_us) / query.step_us < kMostPoints) return {};
  return wrong(fmt::format("there are over {} steps of {} us; take longer ones", kMostPoints,
                           query.step_us));
}

}  // namespace

Knowledge::Slots Knowledge::slots_of(std::string_view name) const {
  Slots found;
  const std::lock_guard lock(mutex_);
  const CatalogName* const known = catalog_.name(name);
  if (known == nullptr) return found;
  found.kind = known->kind;
  found.ids.reserve(known->slots.size());
  for (const std::uint32_t slot : known->slots) {
    found.ids.push_back({slot, history_.at(slot).generation});
  }
  return found;
}

template <class Use>
void Knowledge::with(SeriesId id, const LabelSelector& labels, Use&& use) const {
  const std::lock_guard lock(mutex_);
  const Track& track = history_.at(id.slot);
  if (!track.used || track.generation != id.generation) return;  // it has expired meanwhile
  const std::string_view identity = catalog_.identity(id.slot);
  const auto find = [identity](const std::string& key) { return label_in(identity, key); };
  if (labels.empty() || labels.matches(find)) use(identity, track);
}

Result<Answer> Knowledge::ask(const Query& query, std::int64_t now_us) const {
  const Slots slots = slots_of(query.name);
  // Of a name that nobody has added, rate and increase are right.
  const Kind kind = slots.ids.empty() ? Kind::counter : slots.kind;
  if (auto checked = check(query, kind); !checked) return tl::unexpected(checked.error());
  Evaluation evaluation(query, now_us);
  std::vector<Block> blocks;
  for (const SeriesId id : slots.ids) {
    blocks.clear();
    with(id, query.labels, [&](std::string_view, const Track& track) {
      if (query.function == Function::last && !track.empty() && track.newest().time_us <= now_us) {
        evaluation.add_newest(track.newest());
      } else {
        history_.copy(track, evaluation.from_us(), blocks);
      }
    });
    evaluation.add(kind, blocks);
  }
  return evaluation.answer();
}

Result<Range> Knowledge::range(const RangeQuery& query) const {
  if (auto checked = check(query); !checked) return tl::unexpected(checked.error());
  const Slots slots = slots_of(query.name);
  Range range;
  range.kind = slots.kind;
  std::vector<Block> blocks;
  for (const SeriesId id : slots.ids) {
    blocks.clear();
    Labels labels;
    with(id, query.labels, [&](std::string_view identity, const Track& track) {
      if (range.lines.size() == query.most_series) {
        ++range.left_out;
        return;
      }
      history_.copy(track, query.from_us, blocks);
      labels = labels_in(identity);
    });
    std::vector<Point> points = points_of(query, slots.kind, blocks);
    if (!points.empty()) range.lines.push_back({std::move(labels), std::move(points)});
  }
  return range;
}

std::vector<SeriesInfo> Knowledge::series(std::string_view name, const LabelSelector& labels,
                                          std::size_t most) const {
  std::vector<SeriesInfo> all;
  const auto add = [&](std::string_view of) {
    for (const SeriesId id : slots_of(of).ids) {
      if (all.size() == most) return;
      with(id, labels, [&](std::string_view identity, const Track& track) {
        SeriesInfo info{id, track.kind, std::string(of), labels_in(identity), std::nullopt};
        if (!track.empty()) info.newest = track.newest();
        all.push_back(std::move(info));
      });
    }
  };
  if (!name.empty()) {
    add(name);
    return all;
  }
  for (const NameInfo& info : names()) add(info.name);
  return all;
}

std::vector<NameInfo> Knowledge::names() const {
  std::vector<NameInfo> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, known] : catalog_.names()) {
    all.push_back({std::string(name), known.kind, known.slots.size(), known.refused});
  }
  return all;
}

std::vector<std::string> Knowledge::label_values(std::string_view name,
                                                 const std::string& key) const {
  std::set<std::string, std::less<>> values;
  for (const SeriesId id : slots_of(name).ids) {
    with(id, {}, [&](std::string_view identity, const Track&) {
      const auto value = label_in(identity, key);
      if (value && !values.contains(*value)) values.emplace(*value);
    });
  }
  return {values.begin(), values.end()};
}

}  // namespace scanflow::knowledge
