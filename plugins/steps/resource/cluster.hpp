// A `resource` step at work. Blocks.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "engine/kube/client.hpp"
#include "plugins/steps/resource/request.hpp"

namespace scanflow::resource {

class Cluster {
 public:
  /// Finds the cluster, and where objects of the kind are.
  static Result<Cluster> open(const Request& request, Said said, const std::stop_token& stop);

  /// Does what is asked for, and waits until it holds. The object as it is then; of one that is removed, as it was.
  Result<nlohmann::json> run();
  /// Removes what run() has made, if that is asked for. Takes a moment at most, also when the step was stopped.
  void leave();

  /// "Deployment shop/web", for a person.
  std::string named() const;

 private:
  Cluster(const Request& request, Said said, std::stop_token stop)
      : request_(request), said_(std::move(said)), stop_(std::move(stop)) {}
  Result<nlohmann::json> send();
  Result<nlohmann::json> wait(nlohmann::json object);
  Result<nlohmann::json> remove();

  Request request_;
  Said said_;
  std::stop_token stop_;
  std::shared_ptr<kube::Client> client_;
  kube::Kind kind_;
  std::string uid_;  // of what was made or changed; empty: nothing was
};

}  // namespace scanflow::resource
