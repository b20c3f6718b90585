#include "engine/runtime/enrolment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "engine/runtime/namespaces.hpp"
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
    made.name = "web";
    made.token = token;
    return made;
  }
  /// What becomes of it once the cluster was asked.
  Entry ask(const hub::SidecarKey& key, const std::string& token) {
    Entry entry = Entry::later;
    EXPECT_TRUE(test::eventually([&] {
      entry = enrolment_.enters(key, hello(token), why_);
      return entry != Entry::later;
    }));
    return entry;
  }

  std::atomic<int> asked_ = 0;
  std::atomic<std::int64_t> now_us_ = 1;
  std::string why_;
  Enrolment enrolment_{[this](const std::string& token, const std::stop_token&) {
                         ++asked_;
                         if (token == "of web") return Vouched{"shop", "web", "uid-web", ""};
                         return Vouched{"", "", "", "nobody's"};
                       },
                       [this] { return now_us_.load(); }};
  const hub::SidecarKey web_{"namespace/shop", "uid-web"};
};

TEST_F(EnrolmentTest, APodWithAKeyOfItsOwnNeedsNoToken) {
  EXPECT_EQ(enrolment_.enters({"scanflow-1234", "scanflow-1234"}, hello(""), why_), Entry::yes);
  EXPECT_EQ(enrolment_.enters({"local", "local"}, hello(""), why_), Entry::yes);
  EXPECT_EQ(asked_, 0);
}

TEST_F(EnrolmentTest, SoDoesOneOfANamespaceButAsItselfAlone) {
  const std::string user = user_of_pod("podman", "scanflow-digits-1");
  EXPECT_EQ(enrolment_.enters({user, "scanflow-digits-1"}, hello(""), why_), Entry::yes);
  EXPECT_EQ(enrolment_.enters({user, "scanflow-digits-2"}, hello(""), why_), Entry::no);
  EXPECT_EQ(why_, "its key is of Pod scanflow-digits-1, and it says it is scanflow-digits-2");
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(namespace_of_user(user), "podman");
  EXPECT_EQ(pod_of_user(user), "scanflow-digits-1");
  EXPECT_EQ(pod_of_user(user_of_namespace("shop")), std::nullopt);
}

TEST_F(EnrolmentTest, WithItsNamespacesKeyTheTokenSaysWhoItIs) {
  EXPECT_EQ(enrolment_.enters(web_, hello("of web"), why_), Entry::later)
      << "nobody waits for the cluster";
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(asked_, 1) << "it is known for a while";
  now_us_ += 11 * kMinuteUs;
  EXPECT_EQ(ask(web_, "of web"), Entry::yes);
  EXPECT_EQ(asked_, 2) << "but not for ever";
}

TEST_F(EnrolmentTest, AnothersTokenOrNoneIsRefused) {
  EXPECT_EQ(ask({"namespace/shop", "uid-other"}, "of web"), Entry::no);
  EXPECT_EQ(why_, "its token is of Pod web (uid-web), and it says it is web (uid-other)");
  EXPECT_EQ(ask({"namespace/bank", "uid-web"}, "of web"), Entry::no);
  EXPECT_EQ(why_, "its token is of namespace shop, its key of bank");
  EXPECT_EQ(ask(web_, "made up"), Entry::no);
  EXPECT_EQ(why_, "nobody's");
  EXPECT_EQ(ask(web_, ""), Entry::no);
  EXPECT_THAT(why_, HasSubstr("brings no token"));
  EXPECT_EQ(ask(web_, "of web"), Entry::yes) << "a better one is looked at";
}

TEST_F(EnrolmentTest, ItSaysNotTheNameOfAnotherPod) {
  protocol::Hello claims = hello("of web");
  claims.name = "bank-0";
  EXPECT_TRUE(test::eventually([&] { return enrolment_.enters(web_, claims, why_) == Entry::no; }));
  EXPECT_THAT(why_, HasSubstr("it says it is bank-0"));
}

TEST(Enrolment, ANamespaceThatAsksWithoutEndKeepsNobodyWaiting) {
  std::promise<void> go;
  const auto gone = go.get_future().share();
  std::atomic<int> asked = 0;
  Enrolment enrolment([&](const std::string& token, const std::stop_token&) {
    ++asked;
    if (token == "flood") gone.wait();
    return Vouched{"shop", "web", "uid-web", ""};
  });
  protocol::Hello flood;
  flood.name = "web";
  flood.token = "flood";
  std::string why;
  constexpr int kMany = 1000;
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(enrolment.enters({"namespace/bad", std::to_string(i)}, flood, why), Entry::later);
  }
  go.set_value();
  flood.token = "of web";
  EXPECT_TRUE(test::eventually([&] {
    return enrolment.enters({"namespace/shop", "uid-web"}, flood, why) == Entry::yes;
  }));
  EXPECT_LE(asked, 33) << "of one namespace only so many wait";
  flood.token = std::string(20u << 10, 'x');
  EXPECT_EQ(enrolment.enters({"namespace/shop", "uid-web"}, flood, why), Entry::no);
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
