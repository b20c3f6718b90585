// A service beside a sidecar, at $SCANFLOW_SOCKET (engine/worker/program_link.hpp has the lines): it offers to be told its
// versions (set_traffic), and says each second how it fares. A connection that breaks is made anew.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/infer/figures.hpp"
#include "engine/infer/stage.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::infer {

class Steered {
 public:
  /// `stage` outlives it; `id`: of its document. A thread of its own.
  Steered(std::string socket, std::string id, Stage& stage);
  ~Steered();

 private:
  struct Connection;
  void run();
  void serve(const std::shared_ptr<Connection>& connection);
  void take(const std::shared_ptr<Connection>& connection, const std::string& line);
  void tell_figures(Connection& connection);

  const std::string socket_, id_;
  Stage& stage_;
  UniqueFd end_;              // eventfd
  std::vector<Figure> told_;  // the last time
  int times_ = 0;             // that figures were told
  std::thread thread_;
};

}  // namespace scanflow::infer
