#include "tests/unit/backend/harness.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include <stdexcept>
#include <utility>

namespace scanflow::backend {
namespace {

constexpr std::chrono::seconds kPatience{30};

}  // namespace

char state_of(pid_t pid) {
  const std::string stat = test::read("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(") ");
  return end == std::string::npos ? '\0' : stat[end + 2];
}

bool alive(pid_t pid) {
  const char state = state_of(pid);
  return state != '\0' && state != 'Z';
}

pid_t parent_of(pid_t pid) {
  const std::string stat = test::read("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(") ");
  return end == std::string::npos ? 0 : std::atoi(stat.c_str() + end + 4);  // behind the state
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> result;
  if (pid <= 0) return result;  // no process of ours has 0 for a parent
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t child = std::atoi(entry.path().filename().c_str());
    if (child > 0 && parent_of(child) == pid && alive(child)) result.push_back(child);
  }
  return result;
}

void send_signal(pid_t pid, int signal) {
  // 0 and below would mean groups of processes, this one's among them.
  if (pid <= 1) throw std::runtime_error("no process to send a signal to");
  ::kill(pid, signal);
}

Harness::Harness(Kind kind) : kind_(kind) {
  std::filesystem::create_directories(files_ / "state");
  std::filesystem::create_directories(files_ / "sockets");
  options_.state_directory = (files_ / "state").string();
  options_.socket_directory = (files_ / "sockets").string();
  options_.worker = std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker";
  options_.slots = 2;
  make_backend();
}

Harness::~Harness() {
  forget_backend();
  for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
  test::eventually([this] { return processes().empty(); });
}

void Harness::make_backend() {
  const auto sink = [this](std::vector<Report> reports) { take(std::move(reports)); };
  backend_ = kind_ == Kind::local ? make_local(options_, strand_.context(), sink)
                                  : make_inproc(options_, sink);
}

void Harness::forget_backend() {
  strand_.run([this] { backend_.reset(); });
}

protocol::Request Harness::command(const std::string& step, const json& with) const {
  protocol::Request request;
  request.id = {"run-1", step, 1};
  request.pipeline = "test";
  request.uses = "command";
  request.config = with.dump();
  request.log_dir = (files_ / "state" / "logs").string();
  request.grace_us = 300'000;
  return request;
}

protocol::Request Harness::script(const std::string& step, const std::string& text) const {
  return command(step, {{"run", text}});
}

protocol::Request Harness::plugin(const std::string& step, const std::string& uses,
                                  const json& with) const {
  protocol::Request request = command(step, with);
  request.uses = uses;
  request.library = SCANFLOW_BEHAVE_PLUGIN;
  return request;
}

void Harness::launch(const protocol::Request& request) {
  on_strand_.launch({std::make_shared<protocol::Request>(request)});
}

protocol::Result Harness::run(const protocol::Request& request) {
  launch(request);
  return result(request.id);
}

void Harness::take(std::vector<Report> reports) {
  std::vector<protocol::HostCall> calls;
  {
    const std::lock_guard lock(seen_.mutex);
    for (Report& report : reports) {
      if (auto* ended = std::get_if<protocol::Ended>(&report)) {
        ++seen_.ends[ended->result.id];
        seen_.results[ended->result.id] = ended->result;
      } else if (auto* started = std::get_if<protocol::Started>(&report)) {
        seen_.started[started->id] = *started;
      } else if (auto* metric = std::get_if<protocol::Metric>(&report)) {
        seen_.metrics.push_back(*metric);
      } else if (auto* progress = std::get_if<protocol::Progress>(&report)) {
        seen_.progress.push_back(*progress);
      } else if (auto* call = std::get_if<protocol::HostCall>(&report)) {
        calls.push_back(*call);
      } else if (auto* kept = std::get_if<Kept>(&report)) {
        seen_.kept.insert(kept->id);
      } else if (auto* strays = std::get_if<Strays>(&report)) {
        seen_.strays = strays->ids;
      }
    }
  }
  seen_.changed.notify_all();
  for (const protocol::HostCall& call : calls) {
    if (on_call) on_call(on_strand_, call);
  }
}

bool Harness::wait(const std::function<bool()>& condition) {
  std::unique_lock lock(seen_.mutex);
  return seen_.changed.wait_for(lock, kPatience, condition);
}

protocol::Result Harness::result(const protocol::AttemptId& id) {
  if (!wait([&] { return seen_.results.count(id) != 0; })) {
    throw std::runtime_error(id.step + " did not end; the supervisor's log:\n" +
                             test::read(state() / "supervisor.log"));
  }
  const std::lock_guard lock(seen_.mutex);
  return seen_.results[id];
}

pid_t Harness::started(const protocol::AttemptId& id) {
  if (!wait([&] { return seen_.started.count(id) != 0; })) {
    throw std::runtime_error(id.step + " did not start; the supervisor's log:\n" +
                             test::read(state() / "supervisor.log"));
  }
  const std::lock_guard lock(seen_.mutex);
  return seen_.started[id].pid;
}

int Harness::ends(const protocol::AttemptId& id) {
  const std::lock_guard lock(seen_.mutex);
  return seen_.ends[id];
}

std::optional<std::vector<protocol::AttemptId>> Harness::strays() {
  const std::lock_guard lock(seen_.mutex);
  return seen_.strays;
}

bool Harness::kept(const protocol::AttemptId& id) {
  const std::lock_guard lock(seen_.mutex);
  return seen_.kept.contains(id);
}

std::vector<protocol::Metric> Harness::metrics(const protocol::AttemptId& id) {
  const std::lock_guard lock(seen_.mutex);
  std::vector<protocol::Metric> result;
  for (const auto& metric : seen_.metrics) {
    if (metric.id == id) result.push_back(metric);
  }
  return result;
}

std::vector<std::string> Harness::progress(const protocol::AttemptId& id) {
  const std::lock_guard lock(seen_.mutex);
  std::vector<std::string> result;
  for (const auto& progress : seen_.progress) {
    if (progress.id == id) result.push_back(progress.message);
  }
  return result;
}

std::string Harness::log(const protocol::Result& result) const {
  return test::read(state() / "logs" / result.log.segment)
      .substr(result.log.offset, result.log.length);
}

pid_t Harness::pid_in(const std::string& file) const {
  const auto path = files_ / file;
  if (!test::eventually([&] { return test::read(path).find('\n') != std::string::npos; })) {
    throw std::runtime_error("nobody wrote " + path.string());
  }
  return std::atoi(test::read(path).c_str());
}

std::vector<pid_t> Harness::processes() const {
  std::vector<pid_t> result;
  const std::string mark = files_.path().string();
  DIR* proc = ::opendir("/proc");
  while (const dirent* entry = ::readdir(proc)) {
    const int pid = std::atoi(entry->d_name);
    if (pid <= 0 || pid == ::getpid() || !alive(pid)) continue;
    const std::string directory = "/proc/" + std::to_string(pid);
    if (test::read(directory + "/cmdline").find(mark) != std::string::npos ||
        test::read(directory + "/environ").find(mark) != std::string::npos) {
      result.push_back(pid);
    }
  }
  ::closedir(proc);
  return result;
}

pid_t Harness::supervisor() const {
  for (const pid_t pid : processes()) {
    const std::string command = test::read("/proc/" + std::to_string(pid) + "/cmdline");
    if (command.find("supervise") != std::string::npos) return pid;
  }
  return 0;
}

}  // namespace scanflow::backend
