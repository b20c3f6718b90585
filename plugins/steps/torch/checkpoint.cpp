#include "plugins/steps/torch/checkpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace scanflow::cnn {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// The file: this line with the SHA-256 of all that follows it, then one CBOR document.
constexpr std::string_view kMagic = "scanflow checkpoint of torch.train/1 sha256:";
constexpr std::size_t kDigest = 64;
constexpr std::size_t kHead = kMagic.size() + kDigest + 1;

[[noreturn]] void fail_checkpoint(const fs::path& file, const char* what) {
  throw std::runtime_error(
      fmt::format("{} {}: {}", what, file.string(), std::generic_category().message(errno)));
}

json score_to_json(const Score& score) { return {score.loss, score.accuracy}; }
Score score_from_json(const json& score) { return {score.at(0), score.at(1)}; }

json history_to_json(const std::vector<Epoch>& history) {
  json list = json::array();
  for (const Epoch& epoch : history) {
    list.push_back({epoch.number, score_to_json(epoch.train),
                    epoch.validation ? score_to_json(*epoch.validation) : json(nullptr),
                    epoch.learning_rate, epoch.seconds});
  }
  return list;
}

std::vector<Epoch> history_from_json(const json& list) {
  std::vector<Epoch> history;
  for (const json& each : list) {
    Epoch epoch{each.at(0), score_from_json(each.at(1)), {}, each.at(3), each.at(4)};
    if (!each.at(2).is_null()) epoch.validation = score_from_json(each.at(2));
    history.push_back(epoch);
  }
  return history;
}

/// Bytes in the machine's own order: a step's attempts run on one kind of machine.
json order_to_json(const std::vector<std::int64_t>& order) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(order.data());
  return json::binary({bytes, bytes + order.size() * sizeof order[0]});
}

std::vector<std::int64_t> order_from_json(const json& order) {
  const auto& bytes = order.get_binary();
  std::vector<std::int64_t> values(bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof values[0]);
  return values;
}

std::string to_bytes(const std::string& work, const Checkpoint& c) {
  const json document = {{"work", work},
                         {"epoch", c.epoch},
                         {"batch", c.batch},
                         {"tally", {c.tally.loss, c.tally.right, c.tally.count}},
                         {"learning_rate", c.learning_rate},
                         {"stop_early", c.stop_early},
                         {"order", order_to_json(c.order)},
                         {"random", c.random},
                         {"history", history_to_json(c.history)},
                         {"seconds", c.seconds},
                         {"tensors", json::binary({c.tensors.begin(), c.tensors.end()})}};
  std::string body;
  json::to_cbor(document, body);
  return fmt::format("{}{}\n{}", kMagic, sha256_of(body), body);
}

Checkpoint from_json(const json& document) {
  Checkpoint c;
  c.epoch = document.at("epoch");
  c.batch = document.at("batch");
  const json& tally = document.at("tally");
  c.tally = {tally.at(0), tally.at(1), tally.at(2)};
  c.learning_rate = document.at("learning_rate");
  c.stop_early = document.at("stop_early");
  c.order = order_from_json(document.at("order"));
  c.random = document.at("random");
  c.history = history_from_json(document.at("history"));
  c.seconds = document.at("seconds");
  const auto& tensors = document.at("tensors").get_binary();
  c.tensors.assign(tensors.begin(), tensors.end());
  return c;
}

void write_and_sync(const fs::path& file, std::string_view bytes) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) fail_checkpoint(file, "cannot write the checkpoint");
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  const bool good = bytes.empty() && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!good) fail_checkpoint(file, "cannot write the checkpoint");
}

/// So that the new name, too, is on the disk.
void sync_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // the file is there, but perhaps not after a power loss
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::string sha256_of(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL computes no SHA-256");
  }
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

fs::path checkpoint_file(const fs::path& directory) { return directory / "training.checkpoint"; }

CheckpointFile write_checkpoint(const fs::path& directory, const std::string& work,
                                const Checkpoint& checkpoint) {
  const std::string bytes = to_bytes(work, checkpoint);
  const fs::path file = checkpoint_file(directory);
  const fs::path unfinished = file.string() + ".unfinished";
  write_and_sync(unfinished, bytes);
  if (::rename(unfinished.c_str(), file.c_str()) != 0)
    fail_checkpoint(file, "cannot put the checkpoint at");
  sync_directory(directory);
  return {file, sha256_of(bytes), bytes.size()};
}

FoundCheckpoint find_checkpoint(const fs::path& directory, const std::string& work) {
  const fs::path file = checkpoint_file(directory);
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  if (!fs::is_regular_file(file, error)) return {{}, "it is no file"};
  std::string bytes;
  try {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  } catch (const std::exception& problem) {  // the disk
    return {{}, fmt::format("it cannot be read: {}", problem.what())};
  }
  const bool ours = bytes.size() > kHead && bytes.starts_with(kMagic) && bytes[kHead - 1] == '\n';
  if (!ours) return {{}, "it is no checkpoint of torch.train, or of another version"};
  const std::string body = bytes.substr(kHead);
  if (sha256_of(body) != bytes.substr(kMagic.size(), kDigest)) return {{}, "it is damaged"};
  try {
    const json document = json::from_cbor(body);
    if (document.at("work") != work) {
      return {{}, "it is that of a training with another configuration or other data"};
    }
    return {from_json(document), {}};
  } catch (const json::exception& problem) {
    return {{}, fmt::format("it cannot be read: {}", problem.what())};
  }
}

}  // namespace scanflow::cnn
