// A library for LD_PRELOAD: one fault in one process, at a moment that is counted and not timed.
//
//   SCANFLOW_FAULT=KIND:K      what happens at the K-th time (from 1); of files those beneath
//   SCANFLOW_FAULT_DIRECTORY   this directory
//   SCANFLOW_FAULT_PROGRAM     in programs of this name only (default: scanflow)
//   SCANFLOW_FAULT_MARK        a file that is made when the fault happens
//
//   kill-before-commit, kill-after-commit   SIGKILL around a COMMIT of SQLite
//   kill-in-write                           SIGKILL when half of a write is done
//   write, sync, open, truncate             the call fails with EIO, once
//   full                                    this write is done by half; from then on there is no
//                                           space (ENOSPC), until SCANFLOW_FAULT_MARK is removed
//
// What the program starts does not have it. Calls that SQLite and the standard libraries make
// through their public names are seen; those that the C library makes inside are not.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum class At { none, before_commit, after_commit, in_write, write, sync, open, truncate, full };

struct Plan {
  At at = At::none;
  long number = 0;
  std::string directory, mark;
  std::atomic<long> count{0};
  std::atomic<bool> full{false};
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

At parse(const std::string& kind) {
  if (kind == "kill-before-commit") return At::before_commit;
  if (kind == "kill-after-commit") return At::after_commit;
  if (kind == "kill-in-write") return At::in_write;
  if (kind == "write") return At::write;
  if (kind == "sync") return At::sync;
  if (kind == "open") return At::open;
  if (kind == "truncate") return At::truncate;
  return kind == "full" ? At::full : At::none;
}

Plan& plan() {
  static Plan& made = *new Plan;  // never destroyed: files are written until the very end
  return made;
}

__attribute__((constructor)) void read_plan() {
  const std::string program = environment("SCANFLOW_FAULT_PROGRAM");
  if (program_invocation_short_name != (program.empty() ? "scanflow" : program)) return;
  const std::string fault = environment("SCANFLOW_FAULT");
  const std::size_t colon = fault.find(':');
  if (colon == std::string::npos) return;
  plan().number = std::strtol(fault.c_str() + colon + 1, nullptr, 10);
  plan().directory = environment("SCANFLOW_FAULT_DIRECTORY");
  plan().mark = environment("SCANFLOW_FAULT_MARK");
  plan().at = parse(fault.substr(0, colon));
  ::unsetenv("LD_PRELOAD");
  ::unsetenv("SCANFLOW_FAULT");
}

template <class Function>
Function real(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) real(&::name, #name)

/// Is it the time? Counts.
bool due(At at) { return plan().at == at && ++plan().count == plan().number; }

void mark() {
  if (plan().mark.empty()) return;
  const int fd = REAL(open)(plan().mark.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd >= 0) ::close(fd);
}

[[noreturn]] void die() {
  mark();
  ::raise(SIGKILL);
  ::_exit(137);
}

int failed(int error) {
  mark();
  errno = error;
  return -1;
}

bool ours(const char* path) {
  return !plan().directory.empty() &&
         std::strncmp(path, plan().directory.c_str(), plan().directory.size()) == 0;
}

bool ours(int fd) {
  if (plan().at == At::none) return false;
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return ours(path);
}

/// `half`: writes the first half.
template <class Half, class Whole>
ssize_t faulty_write(int fd, Half half, Whole whole) {
  if (!ours(fd)) return whole();
  if (plan().full) {
    if (::access(plan().mark.c_str(), F_OK) == 0) return failed(ENOSPC);
    plan().full = false;
  }
  if (due(At::in_write)) {
    (void)half();
    die();
  }
  if (due(At::write)) return failed(EIO);
  if (due(At::full)) {
    plan().full = true;
    mark();
    const ssize_t written = half();
    return written > 0 ? written : failed(ENOSPC);
  }
  return whole();
}

template <class Call>
int faulty_sync(int fd, Call call) {
  return ours(fd) && due(At::sync) ? failed(EIO) : call();
}

template <class Call>
int faulty_truncate(int fd, Call call) {
  return ours(fd) && due(At::truncate) ? failed(EIO) : call();
}

}  // namespace

extern "C" {

int sqlite3_exec(sqlite3* handle, const char* sql, int (*callback)(void*, int, char**, char**),
                 void* context, char** message) {
  const bool commit = std::strcmp(sql, "COMMIT") == 0;
  if (commit && due(At::before_commit)) die();
  const int code = REAL(sqlite3_exec)(handle, sql, callback, context, message);
  if (commit && due(At::after_commit)) die();
  return code;
}

ssize_t write(int fd, const void* data, size_t size) {
  const auto next = REAL(write);
  return faulty_write(
      fd, [&] { return next(fd, data, size / 2); }, [&] { return next(fd, data, size); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  const auto next = REAL(pwrite);
  return faulty_write(
      fd, [&] { return next(fd, data, size / 2, at); }, [&] { return next(fd, data, size, at); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  return pwrite(fd, data, size, at);
}

int fsync(int fd) {
  return faulty_sync(fd, [fd] { return REAL(fsync)(fd); });
}

int fdatasync(int fd) {
  return faulty_sync(fd, [fd] { return REAL(fdatasync)(fd); });
}

int ftruncate(int fd, off_t size) noexcept {
  return faulty_truncate(fd, [&] { return REAL(ftruncate)(fd, size); });
}

int ftruncate64(int fd, off_t size) noexcept { return ftruncate(fd, size); }

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && ours(path) && due(At::open)) return failed(EIO);
  return REAL(open)(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open(path, flags, mode);
}

}  // extern "C"
