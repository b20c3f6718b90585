// Whose turn it is: quotas of namespaces and concurrency groups, for one pass over the queued runs.
#include "engine/runtime/turns.hpp"

#include <gmock/gmock.h>

#include "engine/pipeline/application_reader.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;

const std::string kTeam = "app-a", kElsewhere = "elsewhere", kNone, kGroup = "g";

class TurnsTest : public testing::Test {
 protected:
  TurnsTest() {
    const std::string text =
        "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: app}\nteams:\n"
        "  - {name: a, quota: {runs: 2}}\n";
    auto read = pipeline::read_application("app.yaml", text);
    EXPECT_EQ(pipeline::render(read.errors, text), "");
    applications_ = pipeline::Applications({read.application});
  }

  pipeline::Applications applications_;
  Turns turns_{applications_};
};

TEST_F(TurnsTest, ANamespaceHasRoomForSoMany) {
  const Place run{kTeam, kNone, 1, false};
  turns_.add(run);
  EXPECT_EQ(turns_.waits(run), "");
  EXPECT_TRUE(turns_.take(run));
  EXPECT_FALSE(turns_.take(run));
  EXPECT_EQ(turns_.waits(run),
            "it waits for the quota of app-a (the team a of the application app): 2 of 2 runs at "
            "once");
  EXPECT_TRUE(turns_.take({kTeam, kNone, 1, true})) << "it is part of its caller's";
  EXPECT_TRUE(turns_.take({kElsewhere, kNone, 1, false}));
}

TEST_F(TurnsTest, AGroupHasRoomForSoManyAndKeepsItsOrder) {
  EXPECT_TRUE(turns_.take({kElsewhere, kGroup, 1, false}));
  EXPECT_FALSE(turns_.take({kElsewhere, kGroup, 1, false}));
  EXPECT_FALSE(turns_.take({kElsewhere, kGroup, 9, false})) << "one before it waits";
  EXPECT_TRUE(turns_.take({kElsewhere, kNone, 1, false}));
}

TEST_F(TurnsTest, OneThatWaitsForItsQuotaHoldsUpNobodyOfItsGroup) {
  turns_.add({kTeam, kNone, 1, false});
  turns_.add({kTeam, kNone, 1, false});
  EXPECT_FALSE(turns_.take({kTeam, kGroup, 1, false}));
  EXPECT_TRUE(turns_.take({kTeam, kGroup, 1, true})) << "a run that it may wait for in the end";
}

TEST_F(TurnsTest, OneThatWaitsForItsGroupHoldsUpNobodyOfItsNamespace) {
  turns_.add({kElsewhere, kGroup, 1, false});
  turns_.add({kTeam, kNone, 1, false});
  EXPECT_FALSE(turns_.take({kTeam, kGroup, 1, false}));
  EXPECT_TRUE(turns_.take({kTeam, kNone, 1, false}));
}

}  // namespace
}  // namespace scanflow::runtime
