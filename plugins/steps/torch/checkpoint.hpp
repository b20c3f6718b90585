// Where a training was: another attempt goes on from it as if it had not been interrupted. Without
// libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

/// Before a batch. What torch's generator would give next is not part of it: once the first weights
/// are drawn, the training takes nothing from that.
struct Checkpoint {
  std::int64_t epoch = 1;           // the one it is in, from 1
  std::int64_t batch = 0;           // the next one of the epoch, from 0
  Tally tally;                      // of the epoch so far
  double learning_rate = 0;         // asked for; of a schedule, its highest
  bool stop_early = false;          // this epoch was to be the last
  std::vector<std::int64_t> order;  // of the digits, in this epoch
  std::uint64_t random = 0;         // from which the next orders come
  std::vector<Epoch> history;       // of the epochs before
  double seconds = 0;               // spent so far
  std::string tensors;              // weights, and what the optimizer remembers (network.hpp)
};

struct CheckpointFile {
  std::filesystem::path path;
  std::string sha256;  // of all its bytes
  std::uint64_t bytes = 0;
};

/// The file of checkpoints in their directory: the newest is enough.
std::filesystem::path checkpoint_file(const std::filesystem::path& directory);

/// Replaces it: whoever is killed meanwhile leaves the old one or the new one, on the disk. `work`:
/// what tells this training from others. Throws std::runtime_error.
CheckpointFile write_checkpoint(const std::filesystem::path& directory, const std::string& work,
                                const Checkpoint& checkpoint);

struct FoundCheckpoint {
  std::optional<Checkpoint> checkpoint;
  std::string ignored;  // why what is there is of no use; empty: nothing is there, or it is of use
};
/// Never throws for what lies there: it may be damaged, or that of another training.
FoundCheckpoint find_checkpoint(const std::filesystem::path& directory, const std::string& work);

/// 64 hex digits.
std::string sha256_of(const std::string& bytes);

}  // namespace scanflow::cnn
