// What an attempt leaves for later ones (Request::checkpoints), which its Pod takes along when it goes: what
// earlier attempts have left is brought from the hub before it starts; and what it leaves is saved there
// as it comes, a snapshot of the directory at a time, of which only what is new is sent. [one thread]
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sidecar/bulk/client.hpp"
#include "sidecar/protocol/messages.hpp"
#include "sidecar/relay/snapshot.hpp"

namespace scanflow::relay {

class Checkpoints {
 public:
  using Id = protocol::AttemptId;
  using Done = std::function<void()>;
  using Brought = std::function<void(const Result<void>&)>;
  /// What whoever waits for the attempt wants to know of it.
  using Say = std::function<void(const Id&, const std::string&)>;

  /// `directory`: for what is on its way; on the file system of the checkpoints.
  Checkpoints(std::string directory, bulk::Client& client, Say say);
  ~Checkpoints();

  /// Puts there what earlier attempts left, unless an earlier boot of this sidecar has; from then on it is
  /// watched, and `then` is called, within this or later: with why, where it cannot be had.
  void begin(const protocol::Request& request, Brought then);
  /// There is a new one: it need not settle.
  void hurry(const Id& id);
  /// Nothing more comes. keep: what is not saved yet is, within a minute. Then it is removed here, and
  /// `then` called.
  void end(const Id& id, bool keep, Done then);

  /// Looks what there is to be saved. now_us: a monotonic clock.
  void tick(std::int64_t now_us);
  /// When tick() has something to do next.
  std::int64_t wake_us() const;

 private:
  struct Kept;
  struct Bringing;
  struct Pass;
  using KeptPtr = std::shared_ptr<Kept>;
  using BringingPtr = std::shared_ptr<Bringing>;
  using PassPtr = std::shared_ptr<Pass>;

  // --- in
  void bring_manifest(const BringingPtr& bringing, const std::string& whose,
                      const std::string& sha256);
  void bring_files(const BringingPtr& bringing);
  void fetch(const BringingPtr& bringing, const std::string& sha256,
             const std::filesystem::path& path, void (Checkpoints::*then)(const BringingPtr&));
  void brought(const BringingPtr& bringing);
  void finish(const BringingPtr& bringing, const Result<void>& how);
  bool note_brought(const Kept& kept) const;
  bool was_brought(Kept& kept) const;

  // --- out
  void look(const KeptPtr& kept);
  void save(const KeptPtr& kept, Snapshot snapshot);
  std::filesystem::path pin(Kept& kept, const std::string& name, const SeenFile& file);
  void send_some(const KeptPtr& kept);
  void file_sent(const KeptPtr& kept, const std::string& name, const Result<std::string>& how);
  void all_sent(const KeptPtr& kept);
  void save_manifest(const KeptPtr& kept);
  void pass_over(const KeptPtr& kept, const std::string& problem);
  void over(const KeptPtr& kept);
  void say_once(Kept& kept, const std::string& what) const;
  std::filesystem::path next_file() { return directory_ / std::to_string(++numbered_); }

  const std::filesystem::path directory_;
  bulk::Client& client_;
  const Say say_;
  std::map<Id, KeptPtr> kept_;
  std::int64_t now_us_ = 0;     // as of the last tick
  std::uint64_t numbered_ = 0;  // files in `directory`
};

}  // namespace scanflow::relay
