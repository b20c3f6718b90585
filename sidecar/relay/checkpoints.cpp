// What the attempt leaves itself.
#include "sidecar/relay/checkpoints.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"
#include "sidecar/relay/checkpoints_kept.hpp"

namespace scanflow::relay {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNever = std::int64_t{1} << 60;
/// A look costs 2 us for each file.
constexpr std::int64_t kLookUs = kSecond;
/// Whoever writes without a pause is saved as it is.
constexpr std::int64_t kUnsettledUs = 10 * kSecond;
/// So that no more than a fifth of the time goes into it, however long it takes.
constexpr std::int64_t kLeastPauseUs = 5 * kSecond, kPauses = 4;
constexpr std::int64_t kAfterProblemUs = 30 * kSecond;
constexpr std::int64_t kEndUs = 120 * kSecond;
/// Then what came of files that change all the time is taken as it is.
constexpr int kMostTries = 3;
constexpr std::size_t kMostFiles = 20'000;

}  // namespace

Checkpoints::Checkpoints(std::string directory, bulk::Client& client, Say say)
    : directory_(std::move(directory)), client_(client), say_(std::move(say)) {
  std::error_code ignored;  // met when something is written there
  fs::remove_all(directory_, ignored);
  fs::create_directories(directory_, ignored);
}
Checkpoints::~Checkpoints() = default;

void Checkpoints::hurry(const Id& id) {
  const auto found = kept_.find(id);
  if (found == kept_.end()) return;
  found->second->hurried = true;
  found->second->look_us = 0;
}

void Checkpoints::end(const Id& id, bool keep, Done then) {
  const auto found = kept_.find(id);
  if (found == kept_.end()) return then();
  const KeptPtr kept = found->second;
  kept->then = std::move(then);
  kept->ends = true;
  if (!keep || kept->bringing) return over(kept);
  kept->end_us = now_us_ + kEndUs;
  kept->look_us = kept->save_us = 0;
}

/// Nothing of it is wanted any more.
void Checkpoints::over(const KeptPtr& kept) {
  const KeptPtr alive = kept;
  for (auto* transfers : {kept->pass ? &kept->pass->transfers : nullptr,
                          kept->bringing ? &kept->bringing->transfers : nullptr}) {
    if (transfers == nullptr) continue;
    for (const bulk::Client::Number transfer : *transfers) client_.cancel(transfer);
  }
  std::error_code ignored;
  if (kept->bringing) {
    kept->bringing->over = true;
    fs::remove_all(kept->bringing->place(), ignored);
    kept->bringing.reset();
  }
  kept->pass.reset();
  fs::remove_all(kept->directory, ignored);
  fs::remove(kept->note(), ignored);
  kept_.erase(kept->id);
  if (const Done then = std::move(alive->then); then) then();
}

void Checkpoints::tick(std::int64_t now_us) {
  now_us_ = now_us;
  std::vector<KeptPtr> due;
  for (const auto& [id, kept] : kept_) {
    if (!kept->bringing && (now_us >= kept->look_us || (kept->ends && now_us >= kept->end_us)))
      due.push_back(kept);
  }
  for (const KeptPtr& kept : due) look(kept);
}

std::int64_t Checkpoints::wake_us() const {
  std::int64_t wake_us = kNever;
  for (const auto& [id, kept] : kept_) {
    if (kept->bringing) continue;
    if (kept->ends) wake_us = std::min(wake_us, kept->end_us);
    if (!kept->pass) wake_us = std::min(wake_us, kept->look_us);
  }
  return wake_us;
}

void Checkpoints::look(const KeptPtr& kept) {
  if (kept->ends && now_us_ >= kept->end_us) {
    say_(kept->id, fmt::format("its last checkpoints could not be saved within {} s{}{}",
                               kEndUs / kSecond, kept->said.empty() ? "" : ": ", kept->said));
    return over(kept);
  }
  if (kept->pass) return;
  kept->look_us = now_us_ + kLookUs;
  std::vector<std::string> left_out;
  Snapshot now = look_at(kept->directory, left_out);
  if (now.size() > kMostFiles) {
    left_out = {
        fmt::format("there are {} files, and no more than {} are saved", now.size(), kMostFiles)};
    now = kept->saved;
  }
  if (!left_out.empty() && std::exchange(kept->said, left_out.front()) != left_out.front())
    say_(kept->id, "of its checkpoints this is not saved: " + left_out.front());
  if (now == kept->saved) {
    kept->hurried = false;
    kept->seen.reset();
    return kept->ends ? over(kept) : void();
  }
  const bool settled = kept->seen == now;
  if (!kept->seen) kept->seen_us = now_us_;
  kept->seen = now;
  const bool soon = kept->ends || std::exchange(kept->hurried, false);
  if (!soon && (now_us_ < kept->save_us || (!settled && now_us_ - kept->seen_us < kUnsettledUs)))
    return;
  if (kept->ends && now_us_ < kept->save_us) return;  // after a problem
  save(kept, std::move(now));
}

void Checkpoints::save(const KeptPtr& kept, Snapshot snapshot) {
  kept->pass = std::make_shared<Pass>();
  kept->pass->snapshot = std::move(snapshot);
  kept->pass->began_us = now_us_;
  const PassPtr pass = kept->pass;
  for (const auto& [name, file] : pass->snapshot) {
    const auto known = kept->known.find(name);
    if (known == kept->known.end() || known->second.seen != file) save_file(kept, name, file);
  }
  one_saved(kept);
}

void Checkpoints::save_file(const KeptPtr& kept, const std::string& name, const SeenFile& file) {
  const PassPtr pass = kept->pass;
  ++pass->left;
  auto number = std::make_shared<bulk::Client::Number>();
  *number = client_.store(kept->id, "checkpoint", name, file.from,
                          [this, kept, pass, name, file, number](const Result<std::string>& how) {
                            pass->transfers.erase(*number);
                            if (kept->pass != pass) return;
                            const bool same = look_at_file(file.from) == file;
                            if (how) kept->known[name] = {file, *how, true};
                            if (!same) pass->changed = true;
                            if (!how && same && pass->problem.empty())
                              pass->problem = how.error().message;
                            one_saved(kept);
                          });
  pass->transfers.insert(*number);
}

void Checkpoints::one_saved(const KeptPtr& kept) {
  const PassPtr pass = kept->pass;
  if (--pass->left > 0) return;
  if (!pass->problem.empty()) return saved(kept, fail(pass->problem));
  const bool all = std::all_of(pass->snapshot.begin(), pass->snapshot.end(),
                               [&](const auto& each) { return kept->known.contains(each.first); });
  if (all && (!pass->changed || ++kept->tries >= kMostTries)) return save_manifest(kept);
  kept->pass.reset();  // what has changed is sent again, once it is seen how it is now
  kept->look_us = kept->ends ? 0 : now_us_ + kLookUs;
}

void Checkpoints::save_manifest(const KeptPtr& kept) {
  const PassPtr pass = kept->pass;
  std::vector<TreeFile> files;
  for (const auto& [name, seen] : pass->snapshot) {
    const Kept::Known& known = kept->known.at(name);
    if (known.own)
      files.push_back({.path = name,
                       .sha256 = known.sha256,
                       .bytes = seen.bytes,
                       .executable = seen.executable});
  }
  const fs::path path = directory_ / fmt::format("{}", ++numbered_);
  if (auto written = write_file_atomically(path, manifest_of(files)); !written)
    return saved(kept, tl::unexpected(written.error()));
  auto number = std::make_shared<bulk::Client::Number>();
  *number = client_.store(kept->id, "checkpoints", "snapshot", path,
                          [this, kept, pass, number, path](const Result<std::string>& how) {
                            ::unlink(path.c_str());
                            pass->transfers.erase(*number);
                            if (kept->pass == pass) saved(kept, how);
                          });
  pass->transfers.insert(*number);
}

void Checkpoints::saved(const KeptPtr& kept, const Result<std::string>& how) {
  const PassPtr pass = std::exchange(kept->pass, nullptr);
  kept->tries = 0;
  if (!how) {  // all of its own is sent again: who knows what the hub has
    std::erase_if(kept->known, [](const auto& each) { return each.second.own; });
    kept->save_us = now_us_ + (kept->ends ? kSecond : kAfterProblemUs);
    kept->look_us = now_us_ + kLookUs;
    if (std::exchange(kept->said, how.error().message) != how.error().message)
      say_(kept->id, "its checkpoints are not saved: " + how.error().message);
    return;
  }
  kept->said.clear();
  kept->saved = pass->snapshot;
  kept->seen.reset();
  std::erase_if(kept->known,
                [&](const auto& each) { return !pass->snapshot.contains(each.first); });
  kept->save_us =
      kept->ends ? 0 : now_us_ + std::max(kLeastPauseUs, kPauses * (now_us_ - pass->began_us));
  kept->look_us = kept->ends ? 0 : now_us_ + kLookUs;
}

}  // namespace scanflow::relay
