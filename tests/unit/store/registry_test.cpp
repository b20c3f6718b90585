// Registered documents.
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "sdk/base/digest.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class RegistryTest : public StoreFixture {
 protected:
  Applied apply(const std::string& source, const std::string& name = "train",
                const std::string& name_space = "ds", const std::string& kind = "Pipeline") {
    const auto applied = store_->apply({.kind = kind,
                                        .name_space = name_space,
                                        .name = name,
                                        .source = source,
                                        .file = name + ".yaml",
                                        .labels = R"({"source":")" + source + "\"}",
                                        .created_us = ++time_us_});
    EXPECT_TRUE(applied) << applied.error().message;
    return applied.value_or(Applied{});
  }
  std::optional<Document> document(std::optional<std::uint32_t> version = std::nullopt) {
    return store_->document("Pipeline", "ds", "train", version).value();
  }
  std::vector<std::string> names(const std::optional<std::string>& kind = {},
                                 const std::optional<std::string>& name_space = {},
                                 std::string_view labels = "") {
    std::vector<std::string> all;
    const auto selector = LabelSelector::parse(labels).value();
    const auto entries = store_->documents(kind, name_space, selector).value();
    for (const DocumentEntry& entry : entries) {
      const Document& newest = entry.newest;
      all.push_back(newest.kind + " " + newest.name_space + "/" + newest.name + "@" +
                    std::to_string(newest.version));
    }
    return all;
  }

  std::int64_t time_us_ = 0;
};

MATCHER_P2(Is, outcome, version, "") { return arg.outcome == outcome && arg.version == version; }
constexpr auto kCreated = Applied::Outcome::created;
constexpr auto kUpdated = Applied::Outcome::updated;
constexpr auto kUnchanged = Applied::Outcome::unchanged;

TEST_F(RegistryTest, AnotherTextIsTheNextVersionAndTheSameIsNone) {
  EXPECT_THAT(apply("one"), Is(kCreated, 1u));
  EXPECT_THAT(apply("one"), Is(kUnchanged, 1u));
  EXPECT_THAT(apply("two"), Is(kUpdated, 2u));
  EXPECT_THAT(apply("two"), Is(kUnchanged, 2u));
  EXPECT_THAT(apply("one"), Is(kUpdated, 3u)) << "only the newest version counts";
  open();
  EXPECT_THAT(apply("one"), Is(kUnchanged, 3u));
}

TEST_F(RegistryTest, NamesCountByThemselvesPerKindAndNamespace) {
  EXPECT_THAT(apply("one"), Is(kCreated, 1u));
  EXPECT_THAT(apply("one", "detect"), Is(kCreated, 1u));
  EXPECT_THAT(apply("one", "train", "de"), Is(kCreated, 1u));
  EXPECT_THAT(apply("one", "train", "ds", "Agent"), Is(kCreated, 1u));
  EXPECT_THAT(apply("two"), Is(kUpdated, 2u));
  EXPECT_THAT(names(), ElementsAre("Agent ds/train@1", "Pipeline de/train@1",
                                   "Pipeline ds/detect@1", "Pipeline ds/train@2"));
}

TEST_F(RegistryTest, ADocumentComesBackWhole) {
  apply("one");
  apply("two");
  const auto newest = document();
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->kind, "Pipeline");
  EXPECT_EQ(newest->name_space, "ds");
  EXPECT_EQ(newest->name, "train");
  EXPECT_EQ(newest->version, 2u);
  EXPECT_EQ(newest->source, "two");
  EXPECT_EQ(newest->digest, sha256_hex("two"));
  EXPECT_EQ(newest->file, "train.yaml");
  EXPECT_EQ(newest->labels, R"({"source":"two"})");
  EXPECT_EQ(newest->created_us, 2);
  EXPECT_EQ(document(1)->source, "one");
  EXPECT_EQ(document(3), std::nullopt);
  EXPECT_EQ(document(0), std::nullopt) << "no version has this number";
  EXPECT_EQ(store_->document("Agent", "ds", "train").value(), std::nullopt);
}

TEST_F(RegistryTest, VersionsComeNewestFirst) {
  for (const char* text : {"one", "two", "three"}) apply(text);
  std::vector<std::string> sources;
  const auto versions = store_->versions("Pipeline", "ds", "train").value();
  for (const Document& each : versions) sources.push_back(each.source);
  EXPECT_THAT(sources, ElementsAre("three", "two", "one"));
  EXPECT_THAT(store_->versions("Pipeline", "ds", "other").value(), IsEmpty());
}

TEST_F(RegistryTest, TheListHasTheNewestVersionsWithCountsAndTimes) {
  for (const char* text : {"one", "two", "three"}) apply(text);
  store_->remove("Pipeline", "ds", "train", 1).value();
  const auto entries = store_->documents().value();
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].newest.version, 3u);
  EXPECT_EQ(entries[0].newest.created_us, 3);
  EXPECT_EQ(entries[0].newest.digest, sha256_hex("three"));
  EXPECT_EQ(entries[0].newest.source, "") << "lists are read often";
  EXPECT_EQ(entries[0].versions, 2u);
  EXPECT_EQ(entries[0].created_us, 2);
}

TEST_F(RegistryTest, TheListIsFilteredByKindNamespaceAndTheNewestLabels) {
  apply("one");
  apply("two");
  apply("one", "detect");
  apply("one", "detect", "de");
  apply("one", "checker", "de", "Agent");
  EXPECT_THAT(names("Agent"), ElementsAre("Agent de/checker@1"));
  EXPECT_THAT(names("Pipeline", "ds"), ElementsAre("Pipeline ds/detect@1", "Pipeline ds/train@2"));
  EXPECT_THAT(names(std::nullopt, "de"), ElementsAre("Agent de/checker@1", "Pipeline de/detect@1"));
  EXPECT_THAT(names("Pipeline", std::nullopt, "source=one"),
              ElementsAre("Pipeline de/detect@1", "Pipeline ds/detect@1"));
  EXPECT_THAT(names(std::nullopt, std::nullopt, "source in (two)"),
              ElementsAre("Pipeline ds/train@2"));
}

TEST_F(RegistryTest, ARemovedVersionLeavesTheOthersAndItsNumberIsNeverGivenAgain) {
  for (const char* text : {"one", "two", "three"}) apply(text);
  EXPECT_EQ(store_->remove("Pipeline", "ds", "train", 3).value(), 1u);
  EXPECT_EQ(store_->remove("Pipeline", "ds", "train", 3).value(), 0u);
  EXPECT_EQ(document()->version, 2u);
  EXPECT_THAT(apply("two"), Is(kUnchanged, 2u));
  EXPECT_THAT(apply("three"), Is(kUpdated, 4u));
  EXPECT_EQ(store_->remove("Pipeline", "ds", "train", 0).value(), 0u) << "0 is not all";
  EXPECT_EQ(store_->remove("Pipeline", "ds", "train").value(), 3u);
  EXPECT_EQ(document(), std::nullopt);
  EXPECT_THAT(names(), IsEmpty());
  open();
  EXPECT_THAT(apply("three"), Is(kCreated, 5u));
  EXPECT_EQ(store_->remove("Pipeline", "ds", "nothing").value(), 0u);
}

TEST_F(RegistryTest, SeveralAreAppliedAndRemovedInOneGo) {
  apply("one", "b");
  const auto text = [](const std::string& name, const std::string& source) {
    return Document{.kind = "Pipeline", .name_space = "ds", .name = name, .source = source};
  };
  const auto applied =
      store_->apply_all({text("a", "one"), text("b", "one"), text("b", "two"), text("c", "one")})
          .value();
  EXPECT_THAT(applied, ElementsAre(Is(kCreated, 1u), Is(kUnchanged, 1u), Is(kUpdated, 2u),
                                   Is(kCreated, 1u)));
  EXPECT_THAT(
      store_
          ->remove_all(
              {{"Pipeline", "ds", "b", {}}, {"Pipeline", "ds", "c", 2}, {"Pipeline", "ds", "c", 1}})
          .value(),
      ElementsAre(2u, 0u, 1u));
  EXPECT_THAT(names(), ElementsAre("Pipeline ds/a@1"));
  EXPECT_THAT(store_->apply_all({}).value(), IsEmpty());
}

TEST_F(RegistryTest, AnyBytesAreText) {
  const std::string odd("'\"\0\xff\n%", 6);
  apply("placeholder", odd);
  store_->apply({.kind = "Pipeline", .name_space = "ds", .name = odd, .source = odd}).value();
  EXPECT_EQ(store_->document("Pipeline", "ds", odd).value()->source, odd);
  EXPECT_EQ(store_->document("Pipeline", "ds", odd).value()->version, 2u);
}

TEST_F(RegistryTest, ManyThreadsApplyAndEachVersionIsOne) {
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::vector<std::uint32_t>> given(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string text = std::to_string(t) + "-" + std::to_string(i);
          const auto applied = store_->apply(
              {.kind = "Pipeline", .name_space = "ds", .name = "train", .source = text});
          ASSERT_TRUE(applied) << applied.error().message;
          given[static_cast<std::size_t>(t)].push_back(applied->version);
          EXPECT_EQ(document(applied->version)->source, text) << "committed when it returns";
        }
      });
    }
  }
  std::set<std::uint32_t> all;
  for (const auto& numbers : given) all.insert(numbers.begin(), numbers.end());
  EXPECT_THAT(all, SizeIs(kThreads * kEach));
  EXPECT_EQ(*all.rbegin(), static_cast<std::uint32_t>(kThreads * kEach)) << "without gaps";
}

TEST_F(RegistryTest, ReadersReadAndDoNotWrite) {
  apply("one");
  const auto reader = Store::open_read_only(directory_.path()).value();
  EXPECT_EQ(reader->document("Pipeline", "ds", "train").value()->source, "one");
  for (const std::string& refusal :
       {reader->apply({.kind = "Pipeline", .source = "two"}).error().message,
        reader->remove("Pipeline", "ds", "train").error().message}) {
    EXPECT_EQ(refusal, "the store was opened for reading only");
  }
}

TEST_F(RegistryTest, AFailedStoreSaysSo) {
  apply("one");
  Batch broken{.events = {{"r", 1, 1, "{}"}, {"r", 1, 1, "{}"}}};
  ASSERT_FALSE(commit(std::move(broken)));
  const auto applied = store_->apply({.kind = "Pipeline", .source = "two"});
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, HasSubstr("nothing is recorded any more"));
  EXPECT_EQ(document()->source, "one");
}

}  // namespace
}  // namespace scanflow::store
