// Steps with `replicas`: one attempt to the engine, as many to the backend. Either all ranks succeed or the attempt
// fails: the first rank that fails ends the others, and a retry begins all of them anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/backend/backend.hpp"
#include "sidecar/protocol/gang.hpp"

namespace scanflow::backend {

/// Of all backends of an engine. Belongs to its strand.
class Gangs {
 public:
  /// `inner`, which is told of ranks instead of gangs. This outlives it.
  std::unique_ptr<Backend> over(std::unique_ptr<Backend> inner);

  /// What backends and the hub tell of ranks, as the engine is to hear it of their gangs; what is of no gang stays as
  /// it is. Started keeps naming the rank.
  std::vector<Report> fold(std::vector<Report> reports);

 private:
  using Id = protocol::AttemptId;
  class Over;
  struct Gang {
    Backend* backend = nullptr;
    std::vector<Member> members;  // without a status: it has not ended
    std::string stop;             // why the engine wants it to end
  };

  std::vector<RequestPtr> launch(Backend& backend, const RequestPtr& request);
  /// Of a gang of this engine, or of an earlier one as far as it was heard of.
  std::vector<Id> members_of(const Id& gang) const;
  void forget(const Id& gang);
  void take(protocol::Ended ended, std::vector<Report>& told);
  void stop_others(const Id& id, Gang& gang, const std::string& reason);

  std::map<Id, Gang> gangs_;                    // launched, and not acknowledged
  std::map<Id, std::set<std::uint32_t>> kept_;  // ranks of gangs of earlier engines
};

/// The result of a gang whose ranks have all ended. `stop`: why the engine wanted it to end; empty: it did not.
protocol::Result result_of(const std::vector<Member>& members, const std::string& stop);

}  // namespace scanflow::backend
