#include "engine/worker/step_judgement.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "sdk/base/units.hpp"

namespace scanflow::worker {
namespace {

void fail_result(protocol::Result& result, const char* cause, std::string message) {
  result.status = "failed";
  result.cause = cause;
  result.message = std::move(message);
}

const char* prefix(std::int32_t level) {
  switch (level) {
    case SCANFLOW_LOG_DEBUG:
      return "debug: ";
    case SCANFLOW_LOG_WARNING:
      return "warning: ";
    case SCANFLOW_LOG_ERROR:
      return "error: ";
    default:
      return "";
  }
}

}  // namespace

void judge_outcome(const loader::StepOutcome& outcome, bool cancelled, protocol::Result& result) {
  switch (outcome.status) {
    case SCANFLOW_OK:
      result.status = "succeeded";
      result.outputs = outcome.outputs;
      break;
    case SCANFLOW_CANCELLED:
      if (!cancelled) {
        return fail_result(result, "error", "the plugin said CANCELLED, but nobody had asked");
      }
      result.status = "cancelled";
      result.cause = "cancelled";
      result.message = "stopped when asked to";
      break;
    case SCANFLOW_RETRYABLE:
      return fail_result(result, "retryable", outcome.error);
    case SCANFLOW_INVALID:
      return fail_result(result, "config", outcome.error);
    default:
      return fail_result(result, "error", outcome.error);
  }
}

Result<std::string> StepArtifacts::announce(std::string_view name, bool is_directory) {
  const std::string path = directory_ + "/" + std::string(name);
  const std::lock_guard lock(mutex_);
  const auto [known, added] = announced_.emplace(name, is_directory);
  if (!added && known->second != is_directory) {
    return fail(fmt::format("artifact '{}' was asked for as a file and as a directory", name));
  }
  if (!added) return path;
  std::error_code error;
  std::filesystem::create_directories(is_directory ? path : directory_, error);
  if (!error) return path;
  announced_.erase(known);
  return fail(
      fmt::format("cannot create {}: {}", is_directory ? path : directory_, error.message()));
}

bool StepArtifacts::any() {
  const std::lock_guard lock(mutex_);
  return !announced_.empty();
}

void StepArtifacts::collect(protocol::Result& result) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, is_directory] : announced_) {
    const std::string path = directory_ + "/" + name;
    struct stat info {};
    const bool there = ::lstat(path.c_str(), &info) == 0;
    if (there && (is_directory ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode))) {
      result.artifacts.push_back({name, path, is_directory});
      continue;
    }
    result.artifacts.clear();
    result.outputs = "{}";
    return fail_result(result, "error",
                       fmt::format("the plugin announced the artifact '{}' as a {}, but {}", name,
                                   is_directory ? "directory" : "file",
                                   there ? "wrote something else there" : "did not write it"));
  }
}

std::string log_line(std::int32_t level, std::string_view text) {
  return fmt::format("{}{}\n", prefix(level), text);
}

std::uint64_t log_limit_of(const protocol::Request& request) {
  return request.log_limit == 0 ? protocol::kDefaultLogLimit : request.log_limit;
}

std::string full_log_line(std::uint64_t limit) {
  return fmt::format("scanflow: the log has reached its limit of {}; the rest is not kept\n",
                     format_bytes(limit));
}

}  // namespace scanflow::worker
