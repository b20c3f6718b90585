// Services as processes of this machine.
#pragma once

#include <filesystem>

#include "engine/serve/plan.hpp"
#include "engine/services/front_place.hpp"

namespace scanflow::services {

class ProcessPlace final : public FrontPlace {
 public:
  /// `program`: scanflow-service.
  ProcessPlace(Options options, std::filesystem::path program)
      : FrontPlace(std::move(options)), program_(std::move(program)) {}

  /// None outlives this process.
  Result<void> keep(const std::set<serve::ServiceName>&) override { return {}; }

 private:
  Result<void> prepare(const serve::ServiceName&, const infer::ServiceDocument& document,
                       bool) override {
    return serve::check_processes(document);
  }
  void choose(const serve::ServiceName&, serve::ReplicasOptions& replicas) override {
    replicas.program = program_;
  }

  const std::filesystem::path program_;
};

}  // namespace scanflow::services
