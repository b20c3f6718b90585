#include "engine/serve/replica.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "engine/worker/run_program.hpp"
#include "engine/worker/spawn.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::serve {
namespace {

constexpr std::size_t kLastWords = 2000;  // bytes of its log

std::filesystem::path log_of(const ReplicasOptions& options, const std::string& id) {
  return (options.logs.empty() ? options.directory : options.logs) / ("r" + id + ".log");
}

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return fail(describe_errno("cannot make", "a pipe", errno));
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

Result<void> start(Replica& replica, const ReplicasOptions& options,
                   infer::ServiceDocument document) {
  const std::string name = "r" + replica.status.id;
  replica.listen = "unix:" + (options.directory / (name + ".sock")).string();
  replica.admin = "unix:" + (options.directory / (name + ".admin")).string();
  replica.document = options.directory / (name + ".json");
  replica.log = log_of(options, replica.status.id);
  document.listen = replica.listen;
  document.admin = replica.admin;
  {
    std::ofstream out(replica.document, std::ios::trunc);
    out << infer::to_json(document).dump();
    out.close();
    if (!out) return fail(describe_errno("cannot write", replica.document, errno));
  }
  auto in = make_pipe();
  auto out = make_pipe();
  if (!in || !out) return tl::unexpected((in ? out : in).error());
  const UniqueFd log(::open(replica.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log) return fail(describe_errno("cannot open", replica.log, errno));
  worker::Program program;
  program.file = options.program;
  program.argv = {options.program.string(), replica.document.string(), "--with-parent"};
  program.env = worker::environment_with({fmt::format("OMP_NUM_THREADS={}", document.threads)});
  program.stdin_fd = in->read.get();
  program.stdout_fd = out->write.get();
  program.stderr_fd = log.get();
  const auto pid = worker::spawn(program);
  if (!pid) return fail(fmt::format("{}: {}", options.program.string(), pid.error().message));
  replica.pid = replica.status.pid = *pid;
  replica.process =
      std::make_shared<UniqueFd>(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  replica.lifeline = std::move(in->write);
  replica.out = std::move(out->read);
  replica.started = Clock::now();
  return {};
}

void remove_log(const ReplicasOptions& options, const std::string& id) {
  ::unlink(log_of(options, id).c_str());
}

void send_signal(const UniqueFd& process, int signal) {
  ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

std::string last_words(const Replica& replica) {
  std::ifstream in(replica.log, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  in.seekg(static_cast<std::streamoff>(size - std::min(size, kLastWords)));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace scanflow::serve
