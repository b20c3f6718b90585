// A program at $SCANFLOW_SOCKET: JSON objects, one a line, at most kMaxLine bytes each.
//   it says      {"offers": [{"name": "pause", "summary": "...", "schema": {...}}, ...]}
//                {"call": 1, "outcome": "DONE" or "FAILED", "value": {...}}
//                {"metric": {"name": "loss", "value": 0.5, "step": 3, "labels": {"set": "train"}}}
//                  with "sampled": true: how it fares now, which may be dropped, and is not of the run; a counter
//                  where its name ends as OpenMetrics' do (_total, _bucket, _sum, _count)
//                {"progress": {"fraction": 0.5, "message": "half"}}
//   it is told   {"call": 1, "command": "set_param", "arguments": {...}}
// Several processes of the attempt may connect. A command goes to the one that offered it last; with
// a connection its offers end. What is none of these lines closes the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/worker/loop.hpp"
#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sdk/loader/commands.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

class ProgramLink {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{64} << 10;
  static constexpr std::size_t kMaxConnections = 16;

  struct Events {
    std::function<void()> offers;  // offers() has changed
    std::function<void(std::uint64_t call, std::string outcome, std::string value)> answered;
    std::function<void(protocol::Metric)> metric;  // name, value, step, labels, logged
    std::function<void(double fraction, std::string message)> progress;
    std::function<void(std::string why)> closed;  // by this side: a line for the attempt's log
  };

  ProgramLink(Loop& loop, Events events) : loop_(loop), events_(std::move(events)) {}
  ~ProgramLink();
  ProgramLink(const ProgramLink&) = delete;
  ProgramLink& operator=(const ProgramLink&) = delete;

  void add(UniqueFd connection);
  /// A list that was read (sdk/loader/commands.hpp).
  nlohmann::json offers() const;
  /// Tells who offers it. arguments: a JSON object's text. An answer follows, also where the program
  /// ends instead; or it is given here, where nobody can be told.
  std::optional<loader::CommandAnswer> ask(std::uint64_t call, const std::string& name,
                                           const std::string& arguments);
  /// What has arrived, before the attempt's end is reported.
  void drain();

 private:
  struct Peer {
    UniqueFd fd;
    std::string in;
    std::string out;
    nlohmann::json offers = nlohmann::json::array();
    std::uint64_t offered = 0;  // a higher number: later
    std::set<std::uint64_t> calls;
  };

  bool tell(std::uint64_t call, const std::string& name, const nlohmann::json& arguments);
  enum class Read { all, some, closed };
  Read on_ready(int fd, std::uint32_t events);
  static Read read(Peer& peer);
  Result<void> take_lines(Peer& peer);
  Result<void> take_line(Peer& peer, std::string_view line);
  Result<void> take_answer(Peer& peer, const nlohmann::json& line);
  Result<void> take_metric(const nlohmann::json& metric);
  void write(Peer& peer);
  void drop(int fd, const std::string& why);

  Loop& loop_;
  Events events_;
  std::map<int, std::unique_ptr<Peer>> peers_;
  std::uint64_t offered_ = 0;
};

}  // namespace scanflow::worker
