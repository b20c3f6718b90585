#include "engine/runtime/enrolment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "engine/runtime/namespaces.hpp"
#include "sdk/base/clock.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using hub::Entry;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMinuteUs = 60'000'000;

class EnrolmentTest : public testing::Test {
 protected:
  protocol::Hello hello(const std::string& token) {
    protocol::Hello made;
    made.role = "sidecar";
    made.token = token;
    return made;
  }
  /// What becomes of it once the cluster was asked.
  Entry ask(const hub::SidecarKey& key, const std::string& token) {
    Entry entry = Entry::later;
    EXPECT_TRUE(test::eventually([&] {
      entry = enrolment_.enters(key, hello(token), monotonic_us() + ahead_us_, why_);
      return entry != Entry::later;
    }));
    return entry;
  }

  std::atomic<int> asked_ = 0;
  std::int64_t ahead_us_ = 0;
  std::string why_;
  Enrolment enrolment_{[this](const std::string& token, const std::stop_token&) {
    ++asked_;
    if (token == "of web") return Vouched{"shop", "uid-web", ""};
    return Vouched{"", "", "nobody's"};
  }};
  const hub::SidecarKey web_{"namespace/shop", "uid-web"};
};

TEST_F(EnrolmentTest, APodWithAKeyOfItsOwnNeedsNoToken) {
  EXPECT_EQ(enrolment_.enters({"scanflow-1234", "scanflow-1234"}, hello(""), 1, why_), Entry::yes);
  EXPECT_EQ(enrolment_.enters({"local", "local"}, hello(""), 1, why_), Entry::yes);
  EXPECT_EQ(asked_, 0);
}

TEST_F(EnrolmentTest, WithItsNamespacesKeyTheTokenSaysWhoItIs) {
  EXPECT_EQ(enrolment_.enters(web_, hello("of web"), monotonic_us(), why_), Entry::later)
      << "nobody waits for the cluster";
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(asked_, 1) << "it is known for a while";
  ahead_us_ = 11 * kMinuteUs;
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(asked_, 2) << "but not for ever";
}

TEST_F(EnrolmentTest, AnothersTokenOrNoneIsRefused) {
  EXPECT_EQ(ask({"namespace/shop", "uid-other"}, "of web"), Entry::no);
  EXPECT_EQ(why_, "its token is of Pod uid-web, and it says it is uid-other");
  EXPECT_EQ(ask({"namespace/bank", "uid-web"}, "of web"), Entry::no);
  EXPECT_EQ(why_, "its token is of namespace shop, its key of bank");
  EXPECT_EQ(ask(web_, "made up"), Entry::no);
  EXPECT_EQ(why_, "nobody's");
  EXPECT_EQ(ask(web_, ""), Entry::no);
  EXPECT_THAT(why_, HasSubstr("brings no token"));
  EXPECT_EQ(ask(web_, "of web"), Entry::yes) << "a better one is looked at";
}

TEST(Namespaces, AreKeptInAFile) {
  const test::TempDir files;
  const auto file = files / "namespaces.json";
  EXPECT_TRUE(read_namespaces(file)->empty());
  ASSERT_TRUE(write_namespaces(file, {"shop", "bank"}));
  EXPECT_THAT(*read_namespaces(file), ElementsAre("bank", "shop"));
  for (const char* damaged : {"", "{", "[1]", "{\"a\": 1}"}) {
    files.write("namespaces.json", damaged);
    const auto read = read_namespaces(file);
    ASSERT_FALSE(read) << damaged;
    EXPECT_THAT(read.error().message, HasSubstr("is damaged"));
  }
}

TEST(Namespaces, AreUsersThatNoPodIs) {
  EXPECT_EQ(namespace_of_user(user_of_namespace("shop")), "shop");
  EXPECT_EQ(namespace_of_user("scanflow-0123"), std::nullopt);
  EXPECT_EQ(namespace_of_user("local"), std::nullopt);
}

}  // namespace
}  // namespace scanflow::runtime
