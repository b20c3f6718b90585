#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Actions : public StoreFixture {
 protected:
  static ActionRow scale(const std::string& id, const std::string& name = "web") {
    return {.id = id,
            .api_version = "apps/v1",
            .kind = "Deployment",
            .name_space = "shop",
            .name = name,
            .primitive = "scale",
            .arguments = R"({"replicas":3})",
            .digest = "all of it",
            .dry_run = true,
            .by = "agent/load",
            .issued_us = 100,
            .deadline_us = 30'000'000};
  }
  static ActionRow with_outcome(ActionRow row, const std::string& outcome) {
    row.outcome = outcome;
    row.message = "2 -> 3";
    row.evidence = R"({"before":2})";
    row.started_us = 200;
    row.ended_us = 300;
    return row;
  }
  std::vector<std::string> ids(const ActionFilter& filter) const {
    const auto rows = store_->actions(filter);
    EXPECT_TRUE(rows) << rows.error().message;
    std::vector<std::string> all;
    for (const ActionRow& row : rows.value_or(std::vector<ActionRow>())) all.push_back(row.id);
    return all;
  }
};

TEST_F(Actions, AreKeptWholeWithTheirFirstOutcome) {
  ASSERT_TRUE(store_->record(scale("a")));
  open();
  auto row = store_->action("a").value().value();
  EXPECT_EQ(row.api_version, "apps/v1");
  EXPECT_EQ(row.kind, "Deployment");
  EXPECT_EQ(row.name_space, "shop");
  EXPECT_EQ(row.name, "web");
  EXPECT_EQ(row.primitive, "scale");
  EXPECT_EQ(row.arguments, R"({"replicas":3})");
  EXPECT_EQ(row.digest, "all of it");
  EXPECT_TRUE(row.dry_run);
  EXPECT_EQ(row.by, "agent/load");
  EXPECT_EQ(row.issued_us, 100);
  EXPECT_EQ(row.deadline_us, 30'000'000);
  EXPECT_EQ(row.outcome, "");
  ASSERT_TRUE(store_->record(with_outcome(scale("a"), "DONE")));
  ASSERT_TRUE(store_->record(with_outcome(scale("a"), "FAILED")));
  row = store_->action("a").value().value();
  EXPECT_EQ(row.outcome, "DONE");
  EXPECT_EQ(row.message, "2 -> 3");
  EXPECT_EQ(row.evidence, R"({"before":2})");
  EXPECT_EQ(row.started_us, 200);
  EXPECT_EQ(row.ended_us, 300);
  EXPECT_FALSE(store_->action("b").value().has_value());
}

TEST_F(Actions, AreListedFromTheNewestByObjectAndByPage) {
  for (const char* id : {"1", "2", "3"}) ASSERT_TRUE(store_->record(scale(id)));
  ASSERT_TRUE(store_->record(scale("4", "db")));
  EXPECT_THAT(ids({}), ElementsAre("4", "3", "2", "1"));
  EXPECT_THAT(ids({.kind = "Deployment", .name = "web"}), ElementsAre("3", "2", "1"));
  EXPECT_THAT(ids({.name_space = "other"}), IsEmpty());
  const auto page = store_->actions({.limit = 2}).value();
  ASSERT_THAT(page, SizeIs(2));
  EXPECT_THAT(ids({.before = page.back().number}), ElementsAre("2", "1"));
}

TEST_F(Actions, ThatNobodyGoesOnWithAreClosed) {
  ASSERT_TRUE(store_->record(with_outcome(scale("done"), "DONE")));
  ASSERT_TRUE(store_->record(scale("open")));
  ASSERT_TRUE(store_->close_actions("INDETERMINATE", "the engine ended", 500));
  const auto row = store_->action("open").value().value();
  EXPECT_EQ(row.outcome, "INDETERMINATE");
  EXPECT_EQ(row.message, "the engine ended");
  EXPECT_EQ(row.ended_us, 500);
  EXPECT_EQ(store_->action("done").value()->outcome, "DONE");
}

TEST_F(Actions, TheNewestAreKept) {
  ASSERT_TRUE(store_->record(scale("old")));
  execute(directory_ / "scanflow.db",
          ("UPDATE sqlite_sequence SET seq = " + std::to_string(Store::kMostActions) +
           " WHERE name = 'actions'")
              .c_str());
  ASSERT_TRUE(store_->record(scale("new")));
  EXPECT_THAT(ids({}), ElementsAre("new"));
}

}  // namespace
}  // namespace scanflow::store
