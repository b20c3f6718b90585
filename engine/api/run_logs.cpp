#include "engine/api/run_logs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "sdk/base/files.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kPiece = 1 << 16;

/// Of the steps `wanted` names: itself, or a group.
bool is_wanted(const std::string& step, const std::string& wanted) {
  return wanted.empty() || step == wanted || step.substr(0, step.find('[')) == wanted;
}

class PartsReader : public LogReader {
 public:
  explicit PartsReader(std::vector<LogPart> parts) : parts_(std::move(parts)) {}
  ~PartsReader() override { close(); }
  PartsReader(const PartsReader&) = delete;
  PartsReader& operator=(const PartsReader&) = delete;

  Answer<std::string> next() override {
    while (at_ < parts_.size()) {
      LogPart& part = parts_[at_];
      if (fd_ < 0) {
        fd_ = ::open(part.segment.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd_ < 0) return broken(describe_errno("cannot read", part.segment, errno));
        if (part.titled) return fmt::format("==> {} attempt {} <==\n", part.step, part.attempt);
      }
      std::string piece(std::min<std::uint64_t>(kPiece, part.length), '\0');
      const ssize_t n = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(part.offset));
      if (n > 0) {
        part.offset += static_cast<std::uint64_t>(n);
        part.length -= static_cast<std::uint64_t>(n);
        piece.resize(static_cast<std::size_t>(n));
        return piece;
      }
      close();
      ++at_;
    }
    return std::string();
  }

 private:
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::vector<LogPart> parts_;
  std::size_t at_ = 0;
  int fd_ = -1;
};

}  // namespace

Answer<std::vector<LogPart>> log_parts(const std::vector<store::StepRow>& steps,
                                       const std::filesystem::path& directory,
                                       const std::string& run, const std::string& wanted) {
  std::vector<LogPart> parts;
  std::vector<std::string> names;
  bool found = false;
  for (const store::StepRow& step : steps) {
    names.push_back(step.id);
    if (!is_wanted(step.id, wanted)) continue;
    found = true;
    const json list = step.log.empty() ? json::array() : json::parse(step.log, nullptr, false);
    for (const json& log : list) {
      LogPart part{step.id, log.at("attempt"), directory / log.at("segment").get<std::string>(),
                   log.at("offset"), log.at("length")};
      // The range of a log that is still written has no end yet: all that follows is its.
      const bool open_end = step.status == "running" && part.attempt == step.attempts;
      if (wanted.empty() && part.length == 0 && !open_end) continue;
      if (open_end) part.length = std::numeric_limits<std::uint64_t>::max();
      part.titled = wanted.empty() || step.attempts > 1 || step.id != wanted;
      parts.push_back(std::move(part));
    }
  }
  if (found || wanted.empty()) return parts;
  const std::string near = nearest(wanted, names);
  return missing(fmt::format("run {} has no step '{}'; {}", run.substr(0, 13), wanted,
                             near.empty() ? fmt::format("it has: {}", fmt::join(names, ", "))
                                          : fmt::format("did you mean '{}'?", near)));
}

std::unique_ptr<LogReader> read_parts(std::vector<LogPart> parts) {
  return std::make_unique<PartsReader>(std::move(parts));
}

}  // namespace scanflow::api
