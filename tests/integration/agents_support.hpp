// What tests of agents tell a server, and ask of it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {

class AgentServerTest : public testing::Test {
 protected:
  void emit(const std::string& type, const json& payload = json::object()) const {
    const json told = server_->post("/api/v1/events", {{"type", type}, {"payload", payload}});
    ASSERT_TRUE(told.contains("seq")) << told;
  }
  json decisions() const { return server_->get("/api/v1/decisions?limit=1000").at("decisions"); }
  std::size_t in_state(const std::string& state) const {
    const json all = decisions();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const json& each) { return each.at("state") == state; }));
  }
  std::size_t runs() const { return server_->get("/api/v1/runs?limit=1000").at("runs").size(); }

  const Scanflow scanflow_;
  std::unique_ptr<ServerProgram> server_ = std::make_unique<ServerProgram>(scanflow_);
};

}  // namespace scanflow::test
