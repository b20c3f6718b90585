// A thousand runs in flight, and a server that is killed: label `slow`. Figures are printed, and
// nothing fails for being slow.
#include <iostream>

#include "sdk/base/clock.hpp"
#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

constexpr int kRuns = 1000;

/// A third waits for a person; a third for its turn in a pool, a third for a place on the machine,
/// since those that have one go on until there is a file.
std::string source(int i, const std::string& go) {
  const std::string head = "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p" +
                           std::to_string(i % 3) + "}\nsteps:\n";
  if (i % 3 == 0) return head + "  - {name: gate, approve: true}\n";
  const std::string run = "run: \"while [ ! -e " + go + " ]; do sleep 0.02; done\"";
  const std::string pool = i % 3 == 1 ? ", pool: {name: one, limit: 1}" : "";
  return head + "  - {name: a, " + run + pool + "}\n";
}

double seconds_since(std::int64_t begin_us) {
  return static_cast<double>(monotonic_us() - begin_us) / 1e6;
}

TEST(ManyRuns, AllGoOnAfterTheServerWasKilledAndEndRight) {
  Scanflow scanflow;
  const std::string go = scanflow.files() / "go";
  std::vector<std::string> gated;
  {
    ServerProgram first(scanflow);
    const std::int64_t begin_us = monotonic_us();
    for (int i = 0; i < kRuns; ++i) {
      const std::string run = first.submit(source(i, go));
      if (i % 3 == 0) gated.push_back(run);
    }
    std::cout << kRuns << " runs submitted in " << seconds_since(begin_us) << " s\n";
    first.kill();
  }
  const std::int64_t begin_us = monotonic_us();
  ServerProgram second(scanflow);
  ASSERT_EQ(second.get("/readyz")["status"], "ready");
  std::cout << "ready " << seconds_since(begin_us) << " s after its start; " << second.log();
  EXPECT_NE(second.log().find("recovered 1000 runs"), std::string::npos) << second.log();
  write(go, "");
  for (const std::string& run : gated)
    ASSERT_TRUE(second.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}})["approved"]);
  EXPECT_TRUE(eventually(
      [&] {
        return second.get("/api/v1/runs?limit=1000&status=succeeded")["runs"].size() == kRuns;
      },
      std::chrono::minutes(5)));
  std::cout << "all ended " << seconds_since(begin_us) << " s after its start\n";
  const json others = second.get("/api/v1/runs?limit=1000&status=failed,cancelled,running,queued");
  EXPECT_EQ(others["runs"], json::array());
}

}  // namespace
}  // namespace scanflow::test
