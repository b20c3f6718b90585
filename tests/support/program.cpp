#include "tests/support/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace scanflow::test {
namespace fs = std::filesystem;

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

Program::Program(const std::vector<std::string>& argv, const Environment& environment) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::string out_file = directory_ / "out";
  const std::string err_file = directory_ / "err";
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ > 0) return;
  ::setpgid(0, 0);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(::open(out_file.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644), STDOUT_FILENO);
  ::dup2(::open(err_file.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644), STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Program::~Program() {
  if (!reap(WNOHANG)) {
    ::kill(-pid_, SIGKILL);
    reap(0);
  }
}

bool Program::reap(int flags) {
  if (over_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, flags) != pid_) return false;
  over_ = true;
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Program::running() { return !reap(WNOHANG); }

void Program::signal(int number) const { ::kill(pid_, number); }

Output Program::wait(std::chrono::milliseconds patience) {
  if (!eventually([this] { return reap(WNOHANG); }, patience)) {
    ::kill(-pid_, SIGKILL);
    reap(0);
  }
  return {exit_, out(), err()};
}

Scanflow::Scanflow() = default;

Scanflow::~Scanflow() {
  for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
}

std::vector<std::string> Scanflow::argv(std::vector<std::string> arguments) const {
  std::vector<std::string> all{SCANFLOW_BINARY_DIR "/bin/scanflow"};
  all.insert(all.end(), std::make_move_iterator(arguments.begin()),
             std::make_move_iterator(arguments.end()));
  return all;
}

std::unique_ptr<Program> Scanflow::start(std::vector<std::string> arguments,
                                         const Program::Environment& environment) const {
  Program::Environment all = environment;
  all.emplace("SCANFLOW_STATE", state().string());
  all.emplace("XDG_RUNTIME_DIR", files_.path().string());
  return std::make_unique<Program>(argv(std::move(arguments)), all);
}

Output Scanflow::operator()(std::vector<std::string> arguments,
                            const Program::Environment& environment) const {
  return start(std::move(arguments), environment)->wait();
}

std::vector<pid_t> Scanflow::processes() const {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read(entry.path() / "cmdline").find(files_.path()) != std::string::npos ||
        read(entry.path() / "environ").find(files_.path()) != std::string::npos) {
      found.push_back(static_cast<pid_t>(std::stol(name)));
    }
  }
  return found;
}

}  // namespace scanflow::test
