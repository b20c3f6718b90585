// Keeps a Lease for this process, on threads and with a client of its own, so that nothing else delays it; and an
// API server that hangs does not delay the end of its time.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/kube/client.hpp"
#include "engine/kube/election.hpp"

namespace scanflow::kube {

class Elector {
 public:
  /// On a thread of the elector's.
  struct Events {
    std::function<void(std::int64_t term)> leads;
    /// It led, and must have stopped to act when this returns: others may begin soon after.
    std::function<void()> lost;
    std::function<void(const std::string& line)> log;
  };
  struct What {
    std::string name_space, name;
    std::string identity;  // of this process: no other has the same
    ElectionTimes times;
  };
  Elector(std::shared_ptr<Client> client, What what, Events events);
  /// Gives the Lease back, if it leads; `lost` is not told.
  ~Elector();

 private:
  void run(const std::stop_token& stop);
  void try_once(const std::stop_token& stop);
  void look_on(const std::stop_token& stop);
  void say(const std::string& line);

  const std::shared_ptr<Client> client_;
  const What what_;
  const Events events_;
  std::mutex mutex_;  // of election_
  Election election_;
  std::string said_;
  json lease_;  // as it was written last
  std::jthread asks_, looks_;
};

}  // namespace scanflow::kube
