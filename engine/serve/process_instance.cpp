#include "engine/serve/process_instance.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "engine/worker/run_program.hpp"
#include "engine/worker/spawn.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/signals.hpp"

namespace scanflow::serve {
namespace {

constexpr std::size_t kLastWords = 2000;  // bytes of its log

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return fail(describe_errno("cannot make", "a pipe", errno));
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Also when it has ended meanwhile: it never reaches another process.
void send_signal(const UniqueFd& process, int signal) {
  ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

}  // namespace

ProcessInstance::ProcessInstance(InstanceOrder order) : order_(std::move(order)) {
  const std::string& socket = order_.document.listen;
  document_ = std::filesystem::path(socket.substr(socket.find(':') + 1)).replace_filename("json");
}

Result<void> ProcessInstance::write_document() {
  std::ofstream out(document_, std::ios::trunc);
  out << infer::to_json(order_.document).dump();
  out.close();
  if (!out) return fail(describe_errno("cannot write", document_, errno));
  return {};
}

Result<std::shared_ptr<Instance>> ProcessInstance::start(const std::filesystem::path& file,
                                                         InstanceOrder order) {
  const std::shared_ptr<ProcessInstance> made(new ProcessInstance(std::move(order)));
  if (auto written = made->write_document(); !written) return tl::unexpected(written.error());
  auto in = make_pipe();
  auto out = make_pipe();
  if (!in || !out) return tl::unexpected((in ? out : in).error());
  const std::filesystem::path& log_file = made->order_.log;
  const UniqueFd log(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log) return fail(describe_errno("cannot open", log_file, errno));
  worker::Program program;
  program.file = file;
  program.argv = {file.string(), made->document_.string(), "--with-parent"};
  program.env =
      worker::environment_with({fmt::format("OMP_NUM_THREADS={}", made->order_.document.threads)});
  program.stdin_fd = in->read.get();
  program.stdout_fd = out->write.get();
  program.stderr_fd = log.get();
  const auto pid = worker::spawn(program);
  if (!pid) return fail(fmt::format("{}: {}", file.string(), pid.error().message));
  made->pid_ = *pid;
  made->process_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  made->lifeline_ = std::move(in->write);
  made->out_ = std::move(out->read);
  return made;
}

std::vector<int> ProcessInstance::descriptors() const {
  return {process_.get(), out_.get()};  // below 0: none
}

Instance::News ProcessInstance::look() {
  News news;
  pollfd fd{out_.get(), POLLIN, 0};
  char buffer[512];
  while (out_ && ::poll(&fd, 1, 0) > 0) {
    const ssize_t got = ::read(out_.get(), buffer, sizeof buffer);
    if (got <= 0) {
      out_.reset();
    } else if (said_.size() < sizeof buffer) {
      said_.append(buffer, static_cast<std::size_t>(got));
    }
  }
  news.ready = said_.starts_with("ready");
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return news;
  news.over = describe_exit(status);
  news.words = last_words();
  return news;
}

void ProcessInstance::end() { send_signal(process_, SIGTERM); }

void ProcessInstance::kill() { send_signal(process_, SIGKILL); }

/// The last lines of its log: why it may have ended.
std::string ProcessInstance::last_words() const {
  std::ifstream in(order_.log, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  in.seekg(static_cast<std::streamoff>(size - std::min(size, kLastWords)));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace scanflow::serve
