// What the attempt leaves itself.
#include "sidecar/relay/checkpoints.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"
#include "sidecar/protocol/saving.hpp"
#include "sidecar/relay/checkpoints_kept.hpp"

namespace scanflow::relay {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNever = std::int64_t{1} << 60;
/// A look costs some microseconds for each file.
constexpr std::int64_t kLookUs = kSecond;
/// Whoever writes without a pause is saved as it is.
constexpr std::int64_t kUnsettledUs = 10 * kSecond;
/// So that no more than a fifth of the time goes into it, however long it takes.
constexpr std::int64_t kLeastPauseUs = 5 * kSecond, kPauses = 4;
constexpr std::int64_t kAfterProblemUs = 30 * kSecond;
/// Then what came of files that are written all the time is taken, where there is nothing better.
constexpr int kMostTorn = 3;
/// A sidecar has 32 MiB: two KiB for each of them are a third of that.
constexpr std::size_t kMostFiles = 5'000;
/// Of a snapshot, in the hands of the client.
constexpr std::size_t kAtOnce = 16;

}  // namespace

void remove_checkpoints_at(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!fs::exists(fs::symlink_status(directory, error))) return;
  for (int number = 0; number < 100; ++number) {
    const fs::path aside = fmt::format("{}.left{}", directory.string(), number);
    if (!fs::exists(aside, error)) return fs::rename(directory, aside, error);
  }
}

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
  kept->end_us = now_us_ + protocol::kSavingUs;
  kept->look_us = kept->save_us = 0;
}

/// Nothing of it is wanted any more.
void Checkpoints::over(const KeptPtr& kept) {
  if (const PassPtr pass = std::exchange(kept->pass, nullptr)) {
    for (const bulk::Client::Number transfer : pass->transfers) client_.cancel(transfer);
    for (const auto* pinned : {&pass->waiting, &pass->sent})
      for (const auto& [name, one] : *pinned) ::unlink(one.path.c_str());
  }
  if (const BringingPtr bringing = std::exchange(kept->bringing, nullptr)) {
    bringing->over = true;
    for (const bulk::Client::Number transfer : bringing->transfers) client_.cancel(transfer);
    remove_checkpoints_at(bringing->place());
  }
  remove_checkpoints_at(kept->directory);
  ::unlink(kept->note().c_str());
  kept_.erase(kept->id);
  if (const Done then = std::move(kept->then)) then();
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
    say_(kept->id, fmt::format("its last checkpoints could not be saved within {} s",
                               protocol::kSavingUs / kSecond));
    return over(kept);
  }
  if (kept->pass) return;
  kept->look_us = now_us_ + kLookUs;
  std::vector<std::string> left_out;
  auto now = look_at(kept->directory, kMostFiles, left_out);
  if (!left_out.empty())
    say_once(*kept, "of its checkpoints this is not saved: " + left_out.front());
  if (!now && now.error().message.empty()) return;  // it changed meanwhile
  if (!now) {
    say_once(*kept, "its checkpoints are not saved: " + now.error().message);
    return kept->ends ? over(kept) : void();
  }
  // A boot that does not know what was saved saves what there is; but not that there is nothing.
  if (kept->saved ? *now == *kept->saved : now->empty()) {
    kept->hurried = false;
    kept->seen.reset();
    return kept->ends ? over(kept) : void();
  }
  const bool settled = kept->seen == *now;
  if (!kept->seen) kept->seen_us = now_us_;
  kept->seen = *now;
  if (kept->ends && now_us_ < kept->save_us) return;  // after a problem
  const bool soon = kept->ends || std::exchange(kept->hurried, false);
  if (!soon && (now_us_ < kept->save_us || (!settled && now_us_ - kept->seen_us < kUnsettledUs)))
    return;
  save(kept, std::move(*now));
}

void Checkpoints::save(const KeptPtr& kept, Snapshot snapshot) {
  const auto pass = std::make_shared<Pass>();
  pass->began_us = now_us_;
  // By what a file is: one that was renamed is not sent again.
  std::map<SeenFile, const Kept::Known*> there;
  for (const auto& [name, known] : kept->known) there.emplace(known.seen, &known);
  std::map<std::string, Kept::Known> renamed;
  bool gone = false;
  for (const auto& [name, file] : snapshot) {
    const auto known = kept->known.find(name);
    if (known != kept->known.end() && known->second.seen == file) continue;
    if (const auto same = there.find(file); same != there.end() && same->second->own) {
      renamed[name] = *same->second;
      continue;
    }
    const fs::path path = pin(*kept, name, file);
    if (path.empty()) gone = true;
    if (gone) break;
    pass->waiting[name] = {path, file};
  }
  for (auto& [name, known] : renamed) kept->known[name] = std::move(known);
  kept->pass = pass;
  pass->snapshot = std::move(snapshot);
  if (gone) return pass_over(kept, "");  // it is looked at again
  send_some(kept);
}

/// A name of its own for the file, or the link's text in one; empty: it is gone.
fs::path Checkpoints::pin(Kept& kept, const std::string& name, const SeenFile& file) {
  fs::path from = kept.directory / name, path = next_file();
  if (!file.link.empty()) return write_file_atomically(path, file.link) ? path : fs::path();
  if (::link(from.c_str(), path.c_str()) == 0) return path;
  return errno == ENOENT ? fs::path() : from;  // a file system without such links
}

void Checkpoints::send_some(const KeptPtr& kept) {
  const PassPtr pass = kept->pass;
  while (!pass->waiting.empty() && pass->sent.size() < kAtOnce) {
    auto next = pass->waiting.extract(pass->waiting.begin());
    const std::string name = next.key(), path = next.mapped().path;
    pass->sent.insert(std::move(next));
    auto number = std::make_shared<bulk::Client::Number>();
    *number = client_.store(kept->id, "checkpoint", name, path,
                            [this, kept, pass, name, number](const Result<std::string>& how) {
                              pass->transfers.erase(*number);
                              if (kept->pass == pass) file_sent(kept, name, how);
                            });
    pass->transfers.insert(*number);
  }
  if (pass->sent.empty()) all_sent(kept);
}

void Checkpoints::file_sent(const KeptPtr& kept, const std::string& name,
                            const Result<std::string>& how) {
  const PassPtr pass = kept->pass;
  const Pass::Pinned file = std::move(pass->sent.extract(name).mapped());
  const auto now = look_at_file(file.path);
  const bool same = !file.seen.link.empty() || now == file.seen;
  if (file.path != kept->directory / name) ::unlink(file.path.c_str());
  if (how) kept->known[name] = {file.seen, *how, true};
  if (!same) pass->torn = true;
  if (!how && same && pass->problem.empty()) pass->problem = how.error().message;
  send_some(kept);
}

void Checkpoints::all_sent(const KeptPtr& kept) {
  const PassPtr pass = kept->pass;
  if (!pass->problem.empty()) return pass_over(kept, pass->problem);
  const bool all = std::all_of(pass->snapshot.begin(), pass->snapshot.end(),
                               [&](const auto& each) { return kept->known.contains(each.first); });
  kept->torn = pass->torn ? kept->torn + 1 : 0;
  const bool better = kept->saved && !kept->saved->empty();
  const bool good = !pass->torn || (kept->torn >= kMostTorn && (!better || kept->ends));
  if (all && good) return save_manifest(kept);
  pass_over(kept, "");  // what was written meanwhile is sent again
}

void Checkpoints::save_manifest(const KeptPtr& kept) {
  const PassPtr pass = kept->pass;
  std::vector<TreeFile> files;
  for (const auto& [name, seen] : pass->snapshot) {
    const Kept::Known& known = kept->known.at(name);
    if (!known.own) continue;
    files.push_back({.path = name,
                     .sha256 = known.sha256,
                     .bytes = seen.bytes,
                     .executable = seen.executable,
                     .link = !seen.link.empty()});
  }
  const fs::path path = next_file();
  if (auto written = write_file_atomically(path, manifest_of(files)); !written)
    return pass_over(kept, written.error().message);
  auto number = std::make_shared<bulk::Client::Number>();
  *number = client_.store(
      kept->id, "checkpoints", "snapshot", path,
      [this, kept, pass, number, path](const Result<std::string>& how) {
        ::unlink(path.c_str());
        pass->transfers.erase(*number);
        if (kept->pass != pass) return;
        if (!how) {  // who knows what the hub has
          std::erase_if(kept->known, [](const auto& each) { return each.second.own; });
          return pass_over(kept, how.error().message);
        }
        kept->saved = std::move(pass->snapshot);
        std::erase_if(kept->known,
                      [&](const auto& each) { return !kept->saved->contains(each.first); });
        pass_over(kept, "");
      });
  pass->transfers.insert(*number);
}

/// problem: why it was none; empty: it was saved, or is looked at again.
void Checkpoints::pass_over(const KeptPtr& kept, const std::string& problem) {
  const PassPtr pass = std::exchange(kept->pass, nullptr);
  for (const auto& [name, one] : pass->waiting) {
    if (one.path != kept->directory / name) ::unlink(one.path.c_str());
  }
  kept->seen.reset();
  const std::int64_t pause_us = std::max(kLeastPauseUs, kPauses * (now_us_ - pass->began_us));
  kept->look_us = kept->ends && problem.empty() ? 0 : now_us_ + kLookUs;
  kept->save_us = now_us_ + (problem.empty() ? kept->ends ? 0 : pause_us
                             : kept->ends    ? kSecond
                                             : kAfterProblemUs);
  if (!problem.empty()) say_once(*kept, "its checkpoints are not saved: " + problem);
}

void Checkpoints::say_once(Kept& kept, const std::string& what) const {
  if (kept.said.insert(what).second) say_(kept.id, what);
}

}  // namespace scanflow::relay
