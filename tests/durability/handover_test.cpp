// Limits hold while engines end, or are killed, and others take over.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/program.hpp"

namespace scanflow::test {
namespace {

/// Each step of all of them writes a line when it is inside, and one when it leaves.
constexpr const char* kText = R"yaml(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: p}
LIMIT
steps:
  - name: one
    POOL
    run: echo in >> $EVIDENCE; sleep 0.0$(( RANDOM % 5 + 1 )); echo out >> $EVIDENCE
  - {name: think, needs: [one], run: sleep 0.02}
  - name: two
    needs: [think]
    POOL
    run: echo in >> $EVIDENCE; sleep 0.0$(( RANDOM % 5 + 1 )); echo out >> $EVIDENCE
)yaml";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from))
    text.replace(at, from.size(), to);
  return text;
}

class Handover : public testing::Test {
 protected:
  void begin(const std::string& limit, const std::string& pool, std::size_t count) {
    const std::string file =
        scanflow_.files().write("p.yaml", replaced(replaced(kText, "LIMIT", limit), "POOL", pool));
    for (std::size_t i = 0; i < count; ++i)
      runs_.push_back(scanflow_.start({"run", file, "-j", "4"}, {{"EVIDENCE", evidence_}}));
  }
  /// Never two `in` without an `out` between.
  void expect_one_at_a_time(std::size_t lines) const {
    std::istringstream text(read(evidence_));
    std::size_t count = 0;
    for (std::string line; text >> line; ++count)
      EXPECT_EQ(line, count % 2 == 0 ? "in" : "out") << "line " << count + 1;
    EXPECT_EQ(count, lines);
  }

  Scanflow scanflow_;
  const std::string evidence_ = scanflow_.files() / "evidence";
  std::vector<std::unique_ptr<Program>> runs_;
};

TEST_F(Handover, APoolIsNeverExceeded) {
  begin("", "pool: only", 12);
  for (const auto& run : runs_) EXPECT_EQ(run->wait().exit, 0) << run->err();
  expect_one_at_a_time(12 * 2 * 2);
}

TEST_F(Handover, AConcurrencyGroupRunsOneAfterTheOther) {
  begin("concurrency: {group: g}", "", 12);
  for (const auto& run : runs_) EXPECT_EQ(run->wait().exit, 0) << run->err();
  expect_one_at_a_time(12 * 2 * 2);
}

TEST_F(Handover, APoolIsNotExceededByWhatAKilledEngineLeft) {
  begin("", "pool: only", 10);
  for (std::size_t i = 0; i < 5; ++i) {  // whichever of them is the engine
    const std::size_t before = read(evidence_).size();
    EXPECT_TRUE(eventually([&] { return read(evidence_).size() > before; }));
    runs_[i]->signal(SIGKILL);
  }
  for (std::size_t i = 5; i < runs_.size(); ++i) EXPECT_EQ(runs_[i]->wait().exit, 0);
  const std::string ids = scanflow_({"runs", "list", "--status", "interrupted"}).out;
  std::istringstream lines(ids);
  for (std::string word; lines >> word;) {
    if (word.size() != 18 || word[8] != '-') continue;
    EXPECT_EQ(scanflow_({"runs", "resume", word}, {{"EVIDENCE", evidence_}}).exit, 0) << word;
  }
  std::istringstream text(read(evidence_));
  std::size_t count = 0;
  for (std::string line; text >> line; ++count)
    EXPECT_EQ(line, count % 2 == 0 ? "in" : "out") << "line " << count + 1;
}

}  // namespace
}  // namespace scanflow::test
