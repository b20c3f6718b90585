// What must not be lost, on disk until the hub has it: an Outbox that a killed sidecar's successor
// goes on with. A directory of segments, each a file of messages behind their lengths, named by the
// number of its first; those whose messages the hub has are removed. Nothing is synced: it shall
// survive the process, not the machine, whose Pods are gone with it.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/link/session.hpp"

namespace scanflow::link {

class Spool final : public Outbox {
 public:
  /// Makes the directory where it is missing. A record that was cut off by a kill is forgotten: nobody
  /// was told that it was kept. An error: the directory cannot be used.
  static Result<std::unique_ptr<Spool>> open(const std::filesystem::path& directory);

  /// An encoded message. Where the disk does not take it, it is kept in memory, and problem() says
  /// why.
  void add(std::string message);

  const std::string& spool() const override { return id_; }
  std::uint64_t first() const override { return first_; }
  std::uint64_t end() const override { return first_ + records_.size(); }
  std::string read(std::uint64_t number) override;
  void forget(std::uint64_t number) override;

  bool empty() const { return records_.empty(); }
  /// Of what waits, also on the disk. Whoever adds much shall wait where this is much.
  std::size_t bytes() const { return bytes_; }
  /// Why the disk does not take what is added now; empty: it does.
  const std::string& problem() const { return problem_; }

 private:
  struct Record {
    std::uint64_t segment = 0;  // the number that its file is named by; 0: it is in memory
    std::uint64_t offset = 0;   // of the bytes
    std::uint32_t size = 0;
    std::string text;  // in memory
  };

  Spool(std::filesystem::path directory, std::string id)
      : directory_(std::move(directory)), id_(std::move(id)) {}
  std::filesystem::path path_of(std::uint64_t segment) const;
  Result<void> load();
  Result<void> load_segment(std::uint64_t segment, bool last);
  Result<void> append(const std::string& message, Record& record);
  Result<void> begin_segment();

  const std::filesystem::path directory_;
  const std::string id_;
  std::uint64_t first_ = 1;
  std::deque<Record> records_;
  std::size_t bytes_ = 0;
  std::string problem_;
  UniqueFd writing_;  // the last segment's
  std::uint64_t writing_segment_ = 0, writing_size_ = 0;
  UniqueFd reading_;  // of the segment that was read last
  std::uint64_t reading_segment_ = 0;
};

}  // namespace scanflow::link
