#include "sidecar/execute/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "sdk/base/files.hpp"

namespace scanflow::execute {
namespace {

using nlohmann::json;

/// An hour after its deadline nobody sends a command any more.
constexpr std::int64_t kRememberedUs = 3'600'000'000;
/// The file is written anew beyond that.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20;

json id_line(const char* what, const std::string& command) {
  return {{"journal", what}, {"id", command}};
}

json attempt_line(const protocol::AttemptId& id) {
  return {{"run", id.run}, {"step", id.step}, {"attempt", id.attempt}};
}

protocol::AttemptId attempt_of(const json& line) {
  return {line.at("run"), line.at("step"), line.at("attempt")};
}

json received_line(const protocol::Command& command) {
  return {{"journal", "received"},
          {"id", command.id},
          {"generation", command.generation},
          {"target", attempt_line(command.target)},
          {"primitive", command.primitive},
          {"arguments", command.arguments},
          {"deadline_us", command.deadline_us}};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file,
                                               std::int64_t wall_us) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error) return fail(describe_errno("cannot create", file.parent_path(), error.value()));
  std::unique_ptr<Journal> journal(new Journal(file));
  if (std::filesystem::exists(file, error)) {
    const auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      // One that a kill has cut off was acknowledged to nobody.
      if (const json read = json::parse(line, nullptr, false); read.is_object())
        journal->take(read);
    }
  }
  for (auto& [id, known] : journal->known_) {
    if (known.state == Known::State::ended) continue;
    protocol::Command command = known.command;
    command.deadline_us = std::max<std::int64_t>(command.deadline_us - wall_us, 0);
    auto& list =
        known.state == Known::State::started ? journal->left_.started : journal->left_.received;
    list.push_back(std::move(command));
  }
  const auto by_generation = [](const auto& a, const auto& b) {
    return a.generation < b.generation;
  };
  std::sort(journal->left_.received.begin(), journal->left_.received.end(), by_generation);
  journal->left_.held = journal->held_;
  if (auto compacted = journal->compact(wall_us); !compacted)
    return tl::unexpected(compacted.error());
  return journal;
}

void Journal::take(const json& line) {
  try {
    const std::string what = line.at("journal");
    if (what == "held") {
      held_.insert(attempt_of(line.at("target")));
    } else if (what == "free") {
      held_.erase(attempt_of(line.at("target")));
    } else if (what == "received") {
      Known known;
      protocol::Command& command = known.command;
      command.id = line.at("id");
      command.generation = line.at("generation");
      command.target = attempt_of(line.at("target"));
      command.primitive = line.at("primitive");
      command.arguments = line.at("arguments");
      command.deadline_us = line.at("deadline_us");
      known.forget_us = command.deadline_us + kRememberedUs;
      known_[command.id] = std::move(known);
    } else if (const auto found = known_.find(line.at("id")); found != known_.end()) {
      found->second.state = what == "started" ? Known::State::started : Known::State::ended;
    }
  } catch (const json::exception&) {
    // A line of another version: what it says is not about these.
  }
}

Result<void> Journal::append(const json& line) {
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const ssize_t n = ::write(fd_.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) {
    const int error = n < 0 ? errno : ENOSPC;
    (void)::ftruncate(fd_.get(), static_cast<off_t>(bytes_));
    return fail(describe_errno("cannot write", file_, error));
  }
  bytes_ += text.size();
  return {};
}

Result<void> Journal::received(const protocol::Command& command, std::int64_t wall_us) {
  if (bytes_ > kMostBytes) {
    if (auto compacted = compact(wall_us); !compacted) return compacted;
  }
  Known known;
  known.command = command;
  known.command.deadline_us += wall_us;
  known.forget_us = known.command.deadline_us + kRememberedUs;
  if (auto written = append(received_line(known.command)); !written) return written;
  known_[command.id] = std::move(known);
  return {};
}

Result<void> Journal::started(const std::string& command) {
  if (const auto found = known_.find(command); found != known_.end())
    found->second.state = Known::State::started;
  return append(id_line("started", command));
}

Result<void> Journal::ended(const std::string& command) {
  if (const auto found = known_.find(command); found != known_.end()) {
    found->second.state = Known::State::ended;
    found->second.command.arguments.clear();
  }
  return append(id_line("ended", command));
}

Result<void> Journal::holds(const protocol::AttemptId& attempt, bool held) {
  if (held == held_.contains(attempt)) return {};
  if (held) {
    held_.insert(attempt);
  } else {
    held_.erase(attempt);
  }
  return append({{"journal", held ? "held" : "free"}, {"target", attempt_line(attempt)}});
}

Result<void> Journal::compact(std::int64_t wall_us) {
  std::erase_if(known_, [&](const auto& entry) {
    return entry.second.state == Known::State::ended && entry.second.forget_us < wall_us;
  });
  std::string text;
  const auto add = [&](const json& line) {
    text += line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  };
  for (const auto& [id, known] : known_) {
    add(received_line(known.command));
    if (known.state != Known::State::received)
      add(id_line(known.state == Known::State::started ? "started" : "ended", id));
  }
  for (const protocol::AttemptId& attempt : held_)
    add({{"journal", "held"}, {"target", attempt_line(attempt)}});
  if (auto written = write_file_atomically(file_, text); !written) return written;
  fd_ = UniqueFd(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd_) return fail(describe_errno("cannot write", file_, errno));
  bytes_ = text.size();
  return {};
}

}  // namespace scanflow::execute
