#include "engine/backend/inproc.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "sdk/base/clock.hpp"

namespace scanflow::backend {
namespace {

constexpr const char* kSegment = "inproc.log";

protocol::Ended failed(const protocol::Request& request, const char* cause, std::string message) {
  protocol::Ended ended;
  ended.result.id = request.id;
  ended.result.status = std::string_view(cause) == "cancelled" ? "cancelled" : "failed";
  ended.result.cause = cause;
  ended.result.message = std::move(message);
  ended.result.started_us = ended.result.ended_us = wall_us();
  return ended;
}

}  // namespace

InprocBackend::InprocBackend(const Options& options, Sink sink)
    : options_(options), sink_(std::move(sink)) {
  const std::size_t count = std::max<std::size_t>(options.slots, 1);
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { work(i); });
}

InprocBackend::~InprocBackend() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    queue_.clear();
    for (auto& [id, running] : running_) running.step->cancel();
  }
  more_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  std::error_code ignored;  // what is left of it is swept by the engine with its temporary files
  std::filesystem::remove_all(options_.state_directory + "/tmp/inproc", ignored);
}

void InprocBackend::launch(std::vector<RequestPtr> requests) {
  if (std::vector<Report> reports = run_noops(requests); !reports.empty())
    report(std::move(reports));
  if (requests.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    queue_.insert(queue_.end(), std::make_move_iterator(requests.begin()),
                  std::make_move_iterator(requests.end()));
  }
  more_.notify_all();
}

void InprocBackend::stop(const protocol::AttemptId& id, const std::string& reason) {
  const std::string why = reason.empty() ? "cancelled" : reason;
  std::unique_lock lock(mutex_);
  const auto running = running_.find(id);
  if (running != running_.end()) {
    running->second.stop = why;
    const auto step = running->second.step;
    lock.unlock();
    return step->cancel();
  }
  const auto queued = std::find_if(queue_.begin(), queue_.end(),
                                   [&](const RequestPtr& request) { return request->id == id; });
  if (queued == queue_.end()) return;
  protocol::Ended ended = failed(**queued, "cancelled", "stopped before it started");
  ended.result.cause = why;
  queue_.erase(queued);
  lock.unlock();
  std::vector<Report> reports;
  reports.emplace_back(std::move(ended));
  report(std::move(reports));
}

void InprocBackend::acknowledge(const protocol::AttemptId& id) {
  std::unique_lock lock(mutex_);
  if (artifacts_.empty()) return;
  const auto found = artifacts_.extract(id);
  lock.unlock();
  std::error_code ignored;  // what stays is removed with the directory of all, at the end
  if (found) std::filesystem::remove_all(found.mapped(), ignored);
}

void InprocBackend::reply(const protocol::HostReply& reply) {
  std::unique_lock lock(mutex_);
  const auto found = running_.find(reply.id);
  if (found == running_.end()) return;
  const auto step = found->second.step;
  lock.unlock();
  step->answer(reply);
}

void InprocBackend::work(std::size_t thread) {
  for (;;) {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (closing_) return;
    const RequestPtr request = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::vector<Report> reports;
    reports.emplace_back(run(request, thread));
    report(std::move(reports));
  }
}

protocol::Ended InprocBackend::run(const RequestPtr& request, std::size_t thread) {
  if (request->uses == "command") {
    return failed(*request, "config", "the inproc backend runs plugins only; use --backend local");
  }
  if (!request->secrets.empty()) {
    return failed(*request, "config",
                  "the inproc backend has one environment for all steps, and no place for the "
                  "secrets of one; use --backend local");
  }
  try {
    return run_plugin(request, thread);
  } catch (const std::exception& error) {
    return failed(*request, "error", std::string("the inproc backend: ") + error.what());
  }
}

protocol::Ended InprocBackend::run_plugin(const RequestPtr& request, std::size_t thread) {
  const auto library = loader::Library::load(request->library);
  if (!library) return failed(*request, "config", library.error().message);
  std::unique_lock lock(mutex_);
  const std::string directory =
      fmt::format("{}/tmp/inproc/attempt-{}", options_.state_directory, ++directories_);
  const auto step = std::make_shared<InProcessStep>(request, directory, [this](Report one) {
    std::vector<Report> reports;
    reports.push_back(std::move(one));
    report(std::move(reports));
  });
  Running& running = running_[request->id];
  running.step = step;
  const bool closing = closing_;
  lock.unlock();
  if (closing) step->cancel();
  std::vector<Report> started;
  started.emplace_back(protocol::Started{request->id, ::getpid(), wall_us(), {}});
  report(std::move(started));

  protocol::Ended ended{step->run(**library, scratch(thread))};
  ended.result.log = write_log(request->log_dir, step->text());

  lock.lock();
  const std::string stop = std::move(running_.extract(request->id).mapped().stop);
  if (!stop.empty() && ended.result.status == "cancelled") ended.result.cause = stop;
  const bool keep = !ended.result.artifacts.empty();
  if (keep) artifacts_[request->id] = directory;
  lock.unlock();
  std::error_code ignored;
  if (!keep && step->has_artifacts()) std::filesystem::remove_all(directory, ignored);
  return ended;
}

/// An empty directory, reused by the thread's attempts.
std::string InprocBackend::scratch(std::size_t thread) {
  const std::string path =
      fmt::format("{}/tmp/inproc/scratch-{}", options_.state_directory, thread);
  std::error_code error;
  if (!std::filesystem::is_empty(path, error)) std::filesystem::remove_all(path, error);
  std::filesystem::create_directories(path, error);
  return error ? std::string() : path;  // none: the plugin is told so
}

protocol::LogRange InprocBackend::write_log(const std::string& directory, const std::string& text) {
  if (text.empty() || directory.empty()) return {};
  const std::lock_guard lock(log_mutex_);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const std::string path = directory + "/" + kSegment;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return {};  // a full disk: the step's result still counts
  struct stat info {};
  ::fstat(fd, &info);
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return {kSegment, static_cast<std::uint64_t>(info.st_size),
          static_cast<std::uint64_t>(std::max<ssize_t>(written, 0))};
}

void InprocBackend::report(std::vector<Report> reports) {
  if (reports.empty()) return;
  const std::lock_guard lock(sink_mutex_);
  sink_(std::move(reports));
}

std::unique_ptr<Backend> make_inproc(const Options& options, Sink sink) {
  return std::make_unique<InprocBackend>(options, std::move(sink));
}

}  // namespace scanflow::backend
