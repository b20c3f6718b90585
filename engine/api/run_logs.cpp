#include "engine/api/run_logs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include "engine/runtime/run_facts.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/protocol/gang.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kPiece = 1 << 16;

/// What remains of `wanted` at a step that it names, itself, its group or a rank of it: "" for the step and all
/// below it, else the step's name in the called run. Nothing where it names another.
std::optional<std::string> remainder(const std::string& wanted, const std::string& step) {
  if (wanted.empty()) return "";
  for (const std::string& name : {step, step.substr(0, step.find('['))}) {
    if (wanted == name || protocol::rank_of({"", wanted, 0}).gang.step == name) return "";
    if (wanted.starts_with(name + "/")) return wanted.substr(name.size() + 1);
  }
  return std::nullopt;
}

/// All parts of a run's steps, and of those of the runs that they call.
class Collected {
 public:
  Collected(const runtime::StateDirectory& state, const store::Store& store,
            const std::string& wanted)
      : state_(state), store_(store), wanted_(wanted) {}

  /// `prefix`: of the names that are shown ("call/").
  Answer<bool> add(const std::string& run, const std::string& wanted, const std::string& prefix) {
    const auto steps = store_.steps(run);
    if (!steps) return broken(steps.error().message);
    const runtime::CalledRuns called = runtime::called_runs(store_, run);
    bool found = false;
    for (const store::StepRow& step : *steps) {
      names.push_back(prefix + step.id);
      const auto below = remainder(wanted, step.id);
      if (!below) continue;
      if (below->empty()) {
        found = true;
        add_parts(run, step, prefix + step.id);
      }
      const auto inner = called.find(step.id);
      if (inner == called.end()) continue;
      auto within = add(inner->second, *below, prefix + step.id + "/");
      if (!within) return within;
      found = found || *within;
    }
    return found;
  }

  std::vector<LogPart> parts;
  std::vector<std::string> names;  // of the steps that were looked at

 private:
  void add_parts(const std::string& run, const store::StepRow& step, const std::string& shown) {
    const json list = step.log.empty() ? json::array() : json::parse(step.log, nullptr, false);
    const std::uint32_t rank = protocol::rank_of({"", wanted_, 0}).rank;
    for (const json& log : list) {
      const protocol::AttemptId of =
          protocol::member_of({"", shown, 0}, log.value("rank", std::uint32_t{0}));
      if (rank > 0 && protocol::rank_of(of).rank != rank) continue;
      LogPart part{of.step, log.at("attempt"),
                   state_.logs_of(run) / log.at("segment").get<std::string>(), log.at("offset"),
                   log.at("length")};
      // The range of a log that is still written has no end yet: all that follows is its.
      const bool open_end =
          step.status == "running" && (part.attempt == step.attempts || log.value("open", false));
      if (wanted_.empty() && part.length == 0 && !open_end) continue;
      if (open_end) part.length = std::numeric_limits<std::uint64_t>::max();
      part.titled = of.step != wanted_ || step.attempts > 1;
      parts.push_back(std::move(part));
    }
  }

  const runtime::StateDirectory& state_;
  const store::Store& store_;
  const std::string& wanted_;
};

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

Answer<std::vector<LogPart>> log_parts(const runtime::StateDirectory& state,
                                       const store::Store& store, const std::string& run,
                                       const std::string& wanted) {
  Collected collected(state, store, wanted);
  const auto found = collected.add(run, wanted, "");
  if (!found) return tl::unexpected(found.error());
  const protocol::Rank of = protocol::rank_of({"", wanted, 0});
  if (*found && collected.parts.empty() && of.rank > 0)
    return missing(fmt::format("step {} of run {} has no log of a rank {}", of.gang.step,
                               short_id(run), of.rank));
  if (*found || wanted.empty()) return std::move(collected.parts);
  const std::string near = nearest(wanted, collected.names);
  return missing(fmt::format("run {} has no step '{}'; {}", short_id(run), wanted,
                             near.empty()
                                 ? fmt::format("it has: {}", fmt::join(collected.names, ", "))
                                 : fmt::format("did you mean '{}'?", near)));
}

std::unique_ptr<LogReader> read_parts(std::vector<LogPart> parts) {
  return std::make_unique<PartsReader>(std::move(parts));
}

}  // namespace scanflow::api
