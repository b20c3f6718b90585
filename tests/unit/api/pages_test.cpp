// Lists come by pages that are bounded in length, too.
#include <gmock/gmock.h>

#include <future>

#include "engine/api/documents.hpp"
#include "engine/api/runs.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::api {
namespace {

using testing::Le;

constexpr std::size_t kMiB = 1u << 20;

class Pages : public testing::Test {
 protected:
  test::TempDir files_;
  runtime::StateDirectory state_{files_.path(), files_.path()};
  std::unique_ptr<store::Store> store_ =
      std::move(*store::Store::open(files_.path(), store::Durability::process));
};

TEST_F(Pages, LargeEventsComeFewAtOnce) {
  store::Batch batch;
  batch.runs.push_back({.id = "r", .pipeline = "p", .name_space = "default"});
  const std::string body = json{{"type", "x"}, {"data", std::string(kMiB, 'x')}}.dump();
  for (std::int64_t seq = 1; seq <= 20; ++seq) batch.add_event("r", seq) += body;
  std::promise<bool> committed;
  store_->commit(std::move(batch), [&](const Result<void>& done) { committed.set_value(!!done); });
  ASSERT_TRUE(committed.get_future().get());
  const auto runs = open_runs(state_).value();
  std::vector<std::int64_t> seen;
  std::size_t pages = 0;
  for (json next = 0; !next.is_null(); ++pages) {
    const json page = runs->events("r", next.get<std::int64_t>(), 10'000).value();
    EXPECT_THAT(page.dump().size(), Le(kPageBytes + 2 * kMiB));
    for (const json& event : page["events"]) seen.push_back(event["seq"]);
    next = page["next"];
  }
  EXPECT_EQ(pages, 3u);
  ASSERT_EQ(seen.size(), 20u);
  EXPECT_EQ(seen.front(), 1);
  EXPECT_EQ(seen.back(), 20);
  EXPECT_EQ(runs->events("r", 18, 1).value()["next"], 19) << "there may be more";
  EXPECT_TRUE(runs->events("r", 19, 2).value()["next"].is_null());
}

TEST_F(Pages, DocumentsGoOnAfterTheLastOne) {
  std::vector<store::Document> documents;
  for (const char* name_space : {"a", "b"}) {
    for (const char* name : {"p", "p-1", "q"}) {
      store::Document& each = documents.emplace_back(store::Document{"Pipeline", name_space, name});
      each.source = std::string(3 * kMiB, 'x');
    }
  }
  ASSERT_TRUE(store_->apply_all(documents));
  const auto names = [&](const DocumentQuery& query, std::size_t most) {
    std::string text, cursor;
    do {
      const DocumentPage page = list_documents(state_, query, most, cursor).value();
      for (const store::Document& each : page.documents)
        text += each.name_space + "/" + each.name + (each.source.empty() ? " " : "+ ");
      cursor = page.next;
      text += cursor.empty() ? "" : "| ";
    } while (!cursor.empty());
    return text;
  };
  EXPECT_EQ(names({}, 100), "a/p+ a/p-1+ a/q+ | b/p+ b/p-1+ b/q+ ");
  EXPECT_EQ(names({.sources = false}, 4), "a/p a/p-1 a/q b/p | b/p-1 b/q ");
  EXPECT_EQ(names({.name_space = "b", .sources = false}, 2), "b/p b/p-1 | b/q ");
  EXPECT_EQ(list_documents(state_, {}, 1, "nonsense").error().exit, 2);
  EXPECT_EQ(list_documents(state_, {.labels = ",,"}, 1, "").error().exit, 2);
}

TEST_F(Pages, WhereNothingWasEverStoredNothingIsThere) {
  const runtime::StateDirectory none{files_.path() / "none", files_.path()};
  EXPECT_TRUE(list_documents(none, {}, 1, "").value().documents.empty());
  EXPECT_EQ(find_document(none, {"Pipeline", "default", "p", {}}).error().status, 404);
  EXPECT_EQ(document_versions(none, {"Pipeline", "default", "p", {}}).error().status, 404);
}

}  // namespace
}  // namespace scanflow::api
