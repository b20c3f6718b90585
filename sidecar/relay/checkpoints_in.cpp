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
constexpr std::size_t kMostLink = 4096;

/// What came as the content of a file is where it leads.
Result<void> make_link(const fs::path& path) {
  const auto target = read_file(path, kMostLink);
  if (!target) return tl::unexpected(target.error());
  ::unlink(path.c_str());
  if (::symlink(target->c_str(), path.c_str()) != 0)
    return fail(describe_errno("cannot link", path, errno));
  return {};
}

}  // namespace

void Checkpoints::begin(const protocol::Request& request, Brought then) {
  if (request.checkpoints.empty()) return then({});
  const auto kept = std::make_shared<Kept>();
  kept->id = request.id;
  kept->directory = request.checkpoints;
  kept_[request.id] = kept;
  if (was_brought(*kept)) return then({});
  remove_checkpoints_at(kept->directory);  // of an attempt before, whose end nobody saw
  const auto bringing = std::make_shared<Bringing>();
  bringing->kept = kept;
  bringing->then = std::move(then);
  remove_checkpoints_at(bringing->place());
  std::error_code ignored;  // met when something is written there
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
  bringing->manifests.emplace_back(whose, next_file());
  fetch(bringing, sha256, bringing->manifests.back().second, &Checkpoints::bring_files);
}

/// `then`, once nothing is missing any more.
void Checkpoints::fetch(const BringingPtr& bringing, const std::string& sha256,
                        const fs::path& path, void (Checkpoints::*then)(const BringingPtr&)) {
  ++bringing->missing;
  auto number = std::make_shared<bulk::Client::Number>();
  *number = client_.fetch("checkpoint", sha256, path,
                          [this, bringing, number, then](const Result<std::string>& how) {
                            bringing->transfers.erase(*number);
                            if (bringing->over) return;
                            if (!how) return finish(bringing, tl::unexpected(how.error()));
                            if (--bringing->missing == 0) (this->*then)(bringing);
                          });
  bringing->transfers.insert(*number);
}

void Checkpoints::bring_files(const BringingPtr& bringing) {
  for (const auto& [whose, path] : bringing->manifests) {
    const auto text = read_file(path, kMostSavedManifest);
    const auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
    if (!files) return finish(bringing, tl::unexpected(files.error()));
    for (const TreeFile& file : *files) {
      if (file.empty_directory) continue;
      bringing->files.try_emplace(fs::path(file.path).lexically_normal().generic_string(),
                                  Bringing::Wanted{file.sha256, file.executable, file.link,
                                                   whose == bringing->kept->id.step});
    }
  }
  bringing->missing = 1;
  for (const auto& [name, wanted] : bringing->files) {
    const fs::path path = bringing->place() / name;
    std::error_code ignored;  // met when it is written
    fs::create_directories(path.parent_path(), ignored);
    fetch(bringing, wanted.sha256, path, &Checkpoints::brought);
  }
  if (--bringing->missing == 0) brought(bringing);
}

/// All has come; it is there as a whole, or not.
void Checkpoints::brought(const BringingPtr& bringing) {
  Kept& kept = *bringing->kept;
  for (const auto& [name, wanted] : bringing->files) {
    constexpr mode_t kOwn = 0600, kOwnProgram = 0700;
    const fs::path path = bringing->place() / name;
    if (!wanted.link) ::chmod(path.c_str(), wanted.executable ? kOwnProgram : kOwn);
    if (!wanted.link) continue;
    if (auto made = make_link(path); !made) return finish(bringing, made);
  }
  kept.saved.emplace();
  for (const auto& [name, wanted] : bringing->files) {
    const auto seen = look_at_file(bringing->place() / name);
    if (!seen) continue;
    kept.known[name] = {*seen, wanted.sha256, wanted.own};
    kept.saved->emplace(name, *seen);
  }
  std::error_code error;
  fs::create_directories(kept.directory.parent_path(), error);
  if (!bringing->files.empty()) fs::rename(bringing->place(), kept.directory, error);
  if (!error && fs::exists(kept.directory) == bringing->files.empty())
    error = std::make_error_code(std::errc::file_exists);
  if (error) return finish(bringing, fail(kept.directory.string() + ": " + error.message()));
  if (!note_brought(kept)) return finish(bringing, fail("cannot write " + kept.note().string()));
  finish(bringing, {});
}

void Checkpoints::finish(const BringingPtr& bringing, const Result<void>& how) {
  const KeptPtr kept = bringing->kept;
  bringing->over = true;
  for (const bulk::Client::Number transfer : bringing->transfers) client_.cancel(transfer);
  for (const auto& [whose, path] : bringing->manifests) ::unlink(path.c_str());
  remove_checkpoints_at(bringing->place());
  kept->bringing.reset();
  const Brought then = std::move(bringing->then);
  if (how) return then({});
  kept_.erase(kept->id);
  remove_checkpoints_at(kept->directory);
  then(
      fail(fmt::format("what earlier attempts have left could not be brought into its Pod: {}; "
                       "where it is damaged, remove "
                       "checkpoints/{} of the engine's state directory: it begins anew then",
                       how.error().message, kept->id.run)));
}

// --- for a later boot

bool Checkpoints::note_brought(const Kept& kept) const {
  json files = json::object();
  for (const auto& [name, known] : kept.known) {
    const SeenFile& seen = known.seen;
    files[name] = {seen.bytes, seen.inode,   seen.written_ns, seen.executable,
                   seen.link,  known.sha256, known.own};
  }
  const json note = {{"run", kept.id.run}, {"attempt", kept.id.attempt}, {"files", files}};
  return write_file_atomically(kept.note(),
                               note.dump(-1, ' ', false, json::error_handler_t::replace))
      .has_value();
}

bool Checkpoints::was_brought(Kept& kept) const {
  const auto text = read_regular_file(kept.note(), kMostSavedManifest);
  const json note = text ? json::parse(*text, nullptr, false) : json();
  try {
    if (!note.is_object() || note.at("run") != kept.id.run || note.at("attempt") != kept.id.attempt)
      return false;
    for (const auto& [name, file] : note.at("files").items()) {
      kept.known[name] = {
          {file.at(0), file.at(1), file.at(2), file.at(3), file.at(4).get<std::string>()},
          file.at(5).get<std::string>(),
          file.at(6)};
    }
    return true;
  } catch (const json::exception&) {  // the app writes in this directory, too
    kept.known.clear();
    return false;
  }
}

}  // namespace scanflow::relay
