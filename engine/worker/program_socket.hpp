// $SCANFLOW_SOCKET of a slot: made at the slot's first program and kept, so that later ones cost
// nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/worker/loop.hpp"
#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {

class ProgramSocket {
 public:
  using Connected = std::function<void(UniqueFd)>;

  /// Replaces one of that path that nobody listens on any more.
  static Result<std::unique_ptr<ProgramSocket>> listen(Loop& loop, const std::string& path,
                                                       Connected connected);
  ~ProgramSocket();
  ProgramSocket(const ProgramSocket&) = delete;
  ProgramSocket& operator=(const ProgramSocket&) = delete;

 private:
  ProgramSocket(Loop& loop, std::string path, UniqueFd listener, Connected connected);

  Loop& loop_;
  std::string path_;
  UniqueFd listener_;
  Connected connected_;
};

}  // namespace scanflow::worker
