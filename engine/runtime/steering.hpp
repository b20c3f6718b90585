// What the engine keeps of what is asked of running steps. Belongs to the strand.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/fleet.hpp"
#include "engine/runtime/primitive.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/rows.hpp"

namespace scanflow::runtime {

struct Steering {
  /// A command without an outcome.
  struct Asked {
    store::CommandRow row;
    bool earlier = false;      // by an engine before this one, whose hub may have sent it
    std::int64_t over_us = 0;  // since when its attempt is over; 0: it runs
    std::vector<Client> waiting;
  };
  using Then = std::function<void(const std::string& problem)>;  // "": the fleet is there

  std::unique_ptr<Fleet> fleet;
  bool starting = false;
  bool failed = false;     // it could not be made: only who asks for it makes the engine try again
  std::vector<Then> then;  // once it is there, or not
  std::uint64_t issued = 0;                                    // by this engine
  std::map<std::string, Asked> open;                           // by id
  std::function<void()> all_done;                              // once `open` is empty; may be null
  std::map<protocol::AttemptId, store::CommandRow> last;       // of attempts that run
  std::map<protocol::AttemptId, protocol::Progress> progress;  // the same
};

}  // namespace scanflow::runtime
