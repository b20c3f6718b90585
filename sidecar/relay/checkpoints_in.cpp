// What earlier attempts have left.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"
#include "sidecar/relay/checkpoints_kept.hpp"

namespace scanflow::relay {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t kMostSavedManifest = 64u << 20;

}  // namespace

void Checkpoints::begin(const protocol::Request& request, Done then) {
  if (request.checkpoints.empty()) return then();
  const auto kept = std::make_shared<Kept>();
  kept->id = request.id;
  kept->directory = request.checkpoints;
  kept_[request.id] = kept;
  if (was_brought(*kept)) return then();
  std::error_code ignored;                   // met when something is written there
  fs::remove_all(kept->directory, ignored);  // an attempt before, whose end nobody saw
  const auto bringing = std::make_shared<Bringing>();
  bringing->kept = kept;
  bringing->then = std::move(then);
  fs::remove_all(bringing->place(), ignored);
  fs::create_directories(bringing->place(), ignored);
  kept->bringing = bringing;
  const auto own = request.saved.find(request.id.step);
  if (own != request.saved.end()) bring_manifest(bringing, own->first, own->second);
  for (const auto& [whose, sha256] : request.saved) {
    if (whose != request.id.step) bring_manifest(bringing, whose, sha256);
  }
  if (--bringing->missing == 0) bring_files(bringing);
}

void Checkpoints::bring_manifest(const BringingPtr& bringing, const std::string& whose,
                                 const std::string& sha256) {
  const fs::path path = directory_ / fmt::format("{}", ++numbered_);
  bringing->manifests.emplace_back(whose, path);
  ++bringing->missing;
  auto number = std::make_shared<bulk::Client::Number>();
  *number = client_.fetch("checkpoint", sha256, path, [this, bringing, number](const auto& how) {
    bringing->transfers.erase(*number);
    if (bringing->over) return;
    if (!how) return begin_anew(bringing, how.error().message);
    if (--bringing->missing == 0) bring_files(bringing);
  });
  bringing->transfers.insert(*number);
}

void Checkpoints::bring_files(const BringingPtr& bringing) {
  for (const auto& [whose, path] : bringing->manifests) {
    const auto text = read_file(path, kMostSavedManifest);
    const auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
    if (!files) return begin_anew(bringing, files.error().message);
    for (const TreeFile& file : *files) {
      if (!file.empty_directory)
        bringing->files.try_emplace(file.path, Bringing::Wanted{file.sha256, file.executable,
                                                                whose == bringing->kept->id.step});
    }
  }
  bringing->missing = bringing->files.size() + 1;
  for (const auto& [name, wanted] : bringing->files) {
    const fs::path path = bringing->place() / name;
    std::error_code ignored;  // met when it is written
    fs::create_directories(path.parent_path(), ignored);
    auto number = std::make_shared<bulk::Client::Number>();
    *number =
        client_.fetch("checkpoint", wanted.sha256, path, [this, bringing, number](const auto& how) {
          bringing->transfers.erase(*number);
          if (bringing->over) return;
          if (!how) return begin_anew(bringing, how.error().message);
          if (--bringing->missing == 0) brought(bringing);
        });
    bringing->transfers.insert(*number);
  }
  if (--bringing->missing == 0) brought(bringing);
}

/// All of it or nothing.
void Checkpoints::brought(const BringingPtr& bringing) {
  Kept& kept = *bringing->kept;
  for (const auto& [name, wanted] : bringing->files) {
    constexpr mode_t kOwn = 0600, kOwnProgram = 0700;
    ::chmod((bringing->place() / name).c_str(), wanted.executable ? kOwnProgram : kOwn);
  }
  if (!bringing->files.empty()) {
    std::error_code error;
    fs::create_directories(kept.directory.parent_path(), error);
    fs::rename(bringing->place(), kept.directory, error);
    if (error)
      return begin_anew(bringing, fmt::format("{}: {}", kept.directory.string(), error.message()));
  }
  std::vector<std::string> ignored;
  const Snapshot there = look_at(kept.directory, ignored);
  for (const auto& [name, seen] : there) {
    const auto& wanted = bringing->files.at(name);
    kept.known[name] = {seen, wanted.sha256, wanted.own};
  }
  kept.saved = there;
  bringing->over = true;
  const Done then = std::move(bringing->then);
  const KeptPtr alive = bringing->kept;
  for (const auto& [whose, path] : bringing->manifests) ::unlink(path.c_str());
  std::error_code nothing_there;
  fs::remove_all(bringing->place(), nothing_there);
  alive->bringing.reset();
  note_brought(*alive);
  then();
}

void Checkpoints::begin_anew(const BringingPtr& bringing, const std::string& why) {
  say_(bringing->kept->id,
       fmt::format("begins anew: what earlier attempts have left could not be brought: {}", why));
  for (const bulk::Client::Number transfer : bringing->transfers) client_.cancel(transfer);
  bringing->transfers.clear();
  bringing->files.clear();
  std::error_code ignored;
  fs::remove_all(bringing->kept->directory, ignored);
  brought(bringing);
}

// --- for a later boot

void Checkpoints::note_brought(Kept& kept) const {
  json files = json::object();
  for (const auto& [name, known] : kept.known)
    files[name] = {
        known.seen.from.string(), known.seen.bytes, known.seen.inode, known.seen.changed_ns,
        known.seen.executable,    known.sha256,     known.own};
  const json note = {{"run", kept.id.run}, {"attempt", kept.id.attempt}, {"files", files}};
  std::error_code error;
  fs::create_directories(kept.directory.parent_path(), error);
  auto written =
      write_file_atomically(kept.note(), note.dump(-1, ' ', false, json::error_handler_t::replace));
  if (!written) say_(kept.id, written.error().message);
}

bool Checkpoints::was_brought(Kept& kept) const {
  const auto text = read_file(kept.note(), kMostSavedManifest);
  const json note = text ? json::parse(*text, nullptr, false) : json();
  try {
    if (!note.is_object() || note.at("run") != kept.id.run || note.at("attempt") != kept.id.attempt)
      return false;
    for (const auto& [name, file] : note.at("files").items()) {
      kept.known[name] = {
          {file.at(0).get<std::string>(), file.at(1), file.at(2), file.at(3), file.at(4)},
          file.at(5),
          file.at(6)};
      kept.saved[name] = kept.known[name].seen;
    }
    return true;
  } catch (const json::exception&) {  // the app writes in this directory, too
    kept.known.clear();
    kept.saved.clear();
    return false;
  }
}

}  // namespace scanflow::relay
