// Every manifest of the corpus: what comes out (golden/), and what must hold for each of them.
// After a change: SCANFLOW_UPDATE_GOLDEN=1 build/tests/unit_inject --gtest_filter='Corpus.*'
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

/// What a user sees on stderr.
std::string said(const Rewritten& rewritten) {
  std::string text;
  for (const std::string& note : rewritten.notes) text += note + "\n";
  for (const auto& [place, report] : rewritten.said) {
    text += fmt::format("{}: {} {}{}\n", place, report.workload, describe(report.outcome),
                        report.reason.empty() ? "" : ": " + report.reason);
    for (const std::string& note : report.notes) text += "  " + note + "\n";
  }
  return text;
}

void expect_golden(const std::string& name, const std::string& text) {
  const auto file = corpus_directory() / "golden" / name;
  if (std::getenv("SCANFLOW_UPDATE_GOLDEN") != nullptr) test::write(file, text);
  EXPECT_EQ(text, test::read(file)) << file;
}

TEST(Corpus, ComesOutAsItIsKnownTo) {
  for (const CorpusFile& file : corpus()) {
    const Rewritten done = rewrite(file.name, file.text, injecting(defaults("0.0")));
    EXPECT_TRUE(done.errors.empty()) << done.errors.at(0);
    expect_golden(file.name, done.text);
    expect_golden(file.name + ".said", said(done));
  }
}

TEST(Corpus, InjectedTwiceIsInjectedOnce) {
  for (const CorpusFile& file : corpus()) {
    for (const Settings& settings : variants()) {
      const std::string once = rewritten(file.text, injecting(settings));
      EXPECT_EQ(rewritten(once, injecting(settings)), once) << file.name;
    }
  }
}

TEST(Corpus, UninjectedIsAsItWasToTheLastScalar) {
  for (const CorpusFile& file : corpus()) {
    const auto before = documents_of(file.text);
    for (const Settings& settings : variants()) {
      const std::string out = rewritten(rewritten(file.text, injecting(settings)), uninjecting());
      const auto after = documents_of(out);
      ASSERT_EQ(after.size(), before.size()) << file.name;
      for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(exactly(tree_of(after[i])), exactly(tree_of(before[i])))
            << file.name << ":" << before[i].line;
      }
    }
  }
}

/// Nothing but what the patch says changes, scalars of the user included.
TEST(Corpus, WhatIsWrittenIsTheManifestWithThePatch) {
  for (const CorpusFile& file : corpus()) {
    const auto before = documents_of(file.text);
    for (const Settings& settings : variants()) {
      const std::string out = rewritten(file.text, injecting(settings));
      const auto after = documents_of(out);
      ASSERT_EQ(after.size(), before.size()) << file.name;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const json object = to_json(tree_of(before[i]));
        EXPECT_EQ(to_json(tree_of(after[i])), injected(object, settings))
            << file.name << ":" << before[i].line;
      }
    }
  }
}

TEST(Corpus, AnotherVersionReplacesTheOneThatWasThere) {
  const auto all = variants();
  for (const CorpusFile& file : corpus()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string before = rewritten(file.text, injecting(all[i]));
      const auto next = injecting(all[(i + 1) % all.size()]);
      const std::string direct = rewritten(file.text, next), upgraded = rewritten(before, next);
      const auto expected = documents_of(direct), got = documents_of(upgraded);
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t each = 0; each < got.size(); ++each)
        EXPECT_EQ(exactly(tree_of(got[each])), exactly(tree_of(expected[each]))) << file.name;
    }
  }
}

TEST(Corpus, WhatIsSkippedIsWrittenAsItWas) {
  for (const char* name : {"skipped.yaml", "malformed.yaml", "others.yaml"}) {
    const std::string text = test::read(corpus_directory() / name);
    EXPECT_EQ(rewritten(text, injecting(defaults("0.0"))), text) << name;
    const Rewritten done = rewrite(name, text, injecting(defaults("0.0")));
    for (const auto& [place, report] : done.said) {
      EXPECT_EQ(report.outcome, Outcome::skipped) << place;
      EXPECT_NE(report.reason, "") << place;
    }
  }
}

}  // namespace
}  // namespace scanflow::inject
