#include "engine/worker/output_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace scanflow::worker {
namespace {

// So that a writer seldom waits. More would soon be over what one user may have in pipes (64 MiB),
// beyond which the kernel makes them tiny.
constexpr int kPipeBytes = 256 << 10;
constexpr std::size_t kPiece = 64u << 10;

}  // namespace

Result<std::unique_ptr<OutputPipe>> OutputPipe::create(Loop& loop) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail("cannot make a pipe: " + std::generic_category().message(errno));
  }
  UniqueFd reader(ends[0]), writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);       // the writer's end blocks, as files do
  ::fcntl(reader.get(), F_SETPIPE_SZ, kPipeBytes);  // refused: it stays as it is
  return std::unique_ptr<OutputPipe>(new OutputPipe(loop, std::move(reader), std::move(writer)));
}

OutputPipe::OutputPipe(Loop& loop, UniqueFd reader, UniqueFd writer)
    : loop_(loop), reader_(std::move(reader)), writer_(std::move(writer)) {
  loop_.watch(reader_.get(), EPOLLIN, [this](std::uint32_t) { read(kPiece); });
}

OutputPipe::~OutputPipe() { loop_.forget(reader_.get()); }

void OutputPipe::begin(std::shared_ptr<const Patterns> patterns, Write write) {
  write_ = std::move(write);
  redactor_.reset();
  if (patterns) redactor_.emplace(std::move(patterns));
  ::fcntl(writer_.get(), F_SETFL, 0);  // some programs leave their output non-blocking
}

std::size_t OutputPipe::read(std::size_t limit) {
  std::array<char, kPiece> buffer;
  const ssize_t n = ::read(reader_.get(), buffer.data(), std::min(limit, buffer.size()));
  if (n <= 0) return 0;
  std::string_view text(buffer.data(), static_cast<std::size_t>(n));
  if (redactor_) {
    filtered_.clear();
    redactor_->feed(text, filtered_);
    text = filtered_;
  }
  if (write_ && !text.empty()) write_(text);
  return static_cast<std::size_t>(n);
}

void OutputPipe::finish() {
  int there = 0;
  ::ioctl(reader_.get(), FIONREAD, &there);
  for (auto left = static_cast<std::size_t>(there); left > 0;) {
    const std::size_t n = read(left);
    if (n == 0) break;
    left -= n;
  }
  if (redactor_) {
    filtered_.clear();
    redactor_->finish(filtered_, true);
    if (write_ && !filtered_.empty()) write_(filtered_);
  }
  redactor_.reset();
  write_ = nullptr;
}

}  // namespace scanflow::worker
