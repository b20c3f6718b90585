#include "engine/worker/redactor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace scanflow::worker {
namespace {

std::shared_ptr<const Patterns> patterns(const std::vector<std::string>& texts) {
  return std::make_shared<const Patterns>(texts);
}

/// What the text becomes when it arrives in one piece.
std::string whole(const std::vector<std::string>& texts, const std::string& text) {
  return redact(patterns(texts), text);
}

/// The plain way: every byte of every occurrence is marked; marks that overlap become one.
std::string expected(const std::vector<std::string>& texts, const std::string& text) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (const std::string& one : texts) {
    if (one.size() < Patterns::kMinBytes) continue;
    for (std::size_t at = text.find(one); at != std::string::npos; at = text.find(one, at + 1)) {
      found.emplace_back(at, at + one.size());
    }
  }
  std::sort(found.begin(), found.end());
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < found.size();) {
    auto [begin, end] = found[i];
    for (++i; i < found.size() && found[i].first < end; ++i) end = std::max(end, found[i].second);
    out += text.substr(done, begin - done) + "***";
    done = end;
  }
  return out + text.substr(done);
}

std::string in_pieces(const std::shared_ptr<const Patterns>& all, const std::string& text,
                      const std::vector<std::size_t>& cuts) {
  Redactor redactor(all);
  std::string out;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    redactor.feed(std::string_view(text).substr(at, cut - at), out);
    at = cut;
  }
  redactor.feed(std::string_view(text).substr(at), out);
  redactor.finish(out);
  return out;
}

TEST(Redactor, ReplacesEveryOccurrence) {
  EXPECT_EQ(whole({"secret"}, "a secret, a secret"), "a ***, a ***");
  EXPECT_EQ(whole({"secret"}, "secret"), "***");
  EXPECT_EQ(whole({"secret"}, "secretsecret"), "******");
  EXPECT_EQ(whole({"secret", "token"}, "token=secret"), "***=***");
  EXPECT_EQ(whole({"secret"}, "secre"), "secre");
  EXPECT_EQ(whole({"secret"}, ""), "");
  EXPECT_EQ(whole({}, "anything"), "anything");
}

TEST(Redactor, OccurrencesThatOverlapLeaveNothingOver) {
  EXPECT_EQ(whole({"abcdef", "defghi"}, "xabcdefghiy"), "x***y");
  EXPECT_EQ(whole({"abcd", "abcdefgh"}, "abcdefgh abcdefg"), "*** ***efg");
  EXPECT_EQ(whole({"cdef", "abcdefgh"}, "abcdefgh"), "***");
  EXPECT_EQ(whole({"cdef", "abcdefgh"}, "abcdefg"), "ab***g");
  EXPECT_EQ(whole({"aaaa"}, "aaaaaa"), "***");
  EXPECT_EQ(whole({"abab"}, "abababab"), "***");
}

TEST(Redactor, TextsTooShortToBeToldFromOthersAreNotLookedFor) {
  EXPECT_TRUE(Patterns({"abc", ""}).empty());
  EXPECT_EQ(whole({"abc", "long enough"}, "abc long enough"), "abc ***");
}

TEST(Redactor, AnyBytesMayBeInTextsAndStream) {
  const std::string binary("\0\xff\x80\n\0\x01", 6);
  EXPECT_EQ(whole({binary}, "a" + binary + std::string("\0b", 2)), std::string("a***\0b", 6));
}

TEST(Redactor, EverySplitOfAStreamGivesTheSame) {
  const std::vector<std::string> texts = {"secret", "cretin", "tintin", "first\nsecond", "aaaa"};
  const auto all = patterns(texts);
  const std::string text =
      "secretintintin aaaaaaa first\nsecond first\nsecon secre cretin\nsecsecretaaa";
  const std::string once = redact(all, text);
  EXPECT_EQ(once, expected(texts, text));
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      ASSERT_EQ(in_pieces(all, text, {first, second}), once) << first << ", " << second;
    }
  }
}

TEST(Redactor, ByteByByteGivesTheSameAsThePlainWay) {
  // Few letters, so that texts begin, overlap and nearly occur all the time.
  std::mt19937 random(7);
  const auto letters = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 6; ++i) texts.push_back(letters(4 + random() % 9));
    const std::string text = letters(400);
    const auto all = patterns(texts);
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < text.size(); ++i) cuts.push_back(i);
    ASSERT_EQ(redact(all, text), expected(texts, text));
    ASSERT_EQ(in_pieces(all, text, cuts), expected(texts, text));
  }
}

TEST(Redactor, KeepsBackNoMoreThanWhatMayBecomeAText) {
  Redactor redactor(patterns({"secret"}));
  std::string out;
  redactor.feed("the sec", out);
  EXPECT_EQ(out, "the ");
  redactor.feed("ond", out);
  EXPECT_EQ(out, "the second");
  redactor.feed(" secret", out);
  redactor.feed("!", out);
  EXPECT_EQ(out, "the second ***!");
}

TEST(Redactor, AStreamThatIsCutShowsNoFirstPart) {
  for (const bool cut : {false, true}) {
    Redactor redactor(patterns({"secret"}));
    std::string out;
    redactor.feed("the secr", out);
    redactor.finish(out, cut);
    EXPECT_EQ(out, cut ? "the ***" : "the secr");
    redactor.feed("et", out);  // a new stream
    redactor.finish(out, cut);
    EXPECT_EQ(out.substr(out.size() - 2), "et");
  }
  EXPECT_EQ(redact(patterns({"secret"}), "the sec", true), "the sec");
  EXPECT_EQ(redact(patterns({"secretly", "crex"}), "secret", true), "***");
}

TEST(Redactor, ALongTextAcrossManyReadsIsFound) {
  const std::string secret = std::string(50'000, 'x') + "end";
  const auto all = patterns({secret});
  const std::string text = "<" + secret + ">" + std::string(60'000, 'x') + secret + "|";
  std::vector<std::size_t> cuts;
  for (std::size_t at = 4096; at < text.size(); at += 4096) cuts.push_back(at);
  EXPECT_EQ(in_pieces(all, text, cuts), "<***>" + std::string(60'000, 'x') + "***|");
}

}  // namespace
}  // namespace scanflow::worker
