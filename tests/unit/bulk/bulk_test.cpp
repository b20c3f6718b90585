// A client and the hub's bulk, without a way between them: what each says, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "sidecar/bulk/client.hpp"
#include "sidecar/bulk/sodium_hasher.hpp"
#include "sidecar/relay/inputs.hpp"
#include "tests/support/bulk_store.hpp"
#include "tests/support/sidecar_link.hpp"
#include "tests/support/small_disk.hpp"

namespace scanflow::hub {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class BulkTest : public testing::Test {
 protected:
  /// Both say all that they have to, until neither has more.
  void talk() {
    for (int quiet = 0; quiet < 3; ++quiet) {
      for (const std::string& bytes : client_.poll(now_us_)) {
        quiet = 0;
        bulk_.receive({"route", "user"}, bytes, now_us_);
      }
      while (bulk_.pump()) {
      }
      for (const Outgoing& each : bulk_.take_outgoing()) {
        quiet = 0;
        largest_ = std::max(largest_, each.bytes.size());
        (void)client_.receive(each.bytes, now_us_);
      }
    }
  }
  bulk::Client::Done note() {
    return [this](Result<std::string> how) { said_ = how ? "done " + *how : how.error().message; };
  }

  test::TempDir files_;
  TestStore store_{files_};
  std::int64_t now_us_ = 0;
  std::vector<std::string> odd_;
  Bulk bulk_{
      "hub", 3, {}, store_.access(), [this](const std::string& what) { odd_.push_back(what); }};
  bulk::Client client_{{"pod", "boot"}, bulk::sodium_hasher};
  std::string said_;
  std::size_t largest_ = 0;
};

TEST_F(BulkTest, AnExecutableComesExecutableAndReadOnly) {
  const std::string sha256 = store_.put("#!/bin/sh\n");
  client_.fetch("executable", sha256, files_ / "program", note());
  talk();
  EXPECT_EQ(said_, "done ");
  struct stat status {};
  ASSERT_EQ(::stat((files_ / "program").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0555u);
  EXPECT_EQ(bulk_.transfers(), 0u);
}

TEST_F(BulkTest, TheExecutableBitOfWhatIsStoredIsTold) {
  const std::string path = files_.write("pod/tool", "#!/bin/sh\n");
  ::chmod(path.c_str(), 0755);
  client_.store({"r", "train", 1}, "file", "tool", path, note());
  const auto offers = test::all_of<protocol::Store>(client_.poll(now_us_));
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].object, "executable");
}

TEST_F(BulkTest, WhatIsDamagedInTheStoreIsRefusedAtTheEnd) {
  const std::string sha256 = store_.put("hello");
  test::write(files_ / ("objects/" + sha256), "jello");
  client_.fetch("file", sha256, files_ / "there", note());
  talk();
  EXPECT_THAT(said_, HasSubstr("what came as " + sha256));
  EXPECT_THAT(said_, HasSubstr("damaged"));
  EXPECT_FALSE(std::filesystem::exists(files_ / "there"));
}

TEST_F(BulkTest, WhatIsNotThereIsSaidAtOnce) {
  client_.fetch("file", sha256_hex("nobody has it"), files_ / "there", note());
  talk();
  EXPECT_THAT(said_, HasSubstr("No such file"));
  client_.store({"r", "test", 1}, "file", "x", files_.write("pod/x", "x"), note());
  talk();
  EXPECT_EQ(said_, "the hub refuses it: step test does not run there");
  client_.store({"r", "train", 1}, "file", "x", files_ / "pod/none", note());
  talk();
  EXPECT_THAT(said_, HasSubstr("pod/none"));
}

TEST_F(BulkTest, AFileThatChangesWhileItIsSentIsRefused) {
  const std::string path = files_.write("pod/x", noise(3u << 20, 1));
  client_.store({"r", "train", 1}, "file", "x", path, note());
  for (const std::string& bytes : client_.poll(now_us_)) bulk_.receive({"route", "user"}, bytes, 0);
  for (const Outgoing& each : bulk_.take_outgoing()) (void)client_.receive(each.bytes, 0);
  test::write(path, "short");
  talk();
  EXPECT_THAT(said_, HasSubstr("shorter while it was sent"));
  EXPECT_EQ(bulk_.transfers(), 0u) << "the hub was told";
}

TEST_F(BulkTest, ALogThatIsShorterThanWhatWasWrittenIsGivenUp) {
  const std::string path = files_.write("pod/0.log", "half");
  const auto log = client_.store_log({"r", "train", 1}, "log", path, 0, note());
  talk();
  EXPECT_EQ(said_, "") << "it may grow";
  client_.end_log(log, 8);
  talk();
  EXPECT_THAT(said_, HasSubstr("shorter while it was sent"));
  EXPECT_EQ(bulk_.transfers(), 0u) << "the hub was told";
}

TEST_F(BulkTest, WhatFindsTheHubsDiskFullGoesOnWhenItIsNot) {
  const test::SmallDisk disk("256k");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  std::filesystem::create_directory_symlink(disk.path(), files_ / "came");
  const std::string content = noise(1u << 20, 3);
  const std::string path = files_.write("pod/0.log", content);
  const auto log = client_.store_log({"r", "train", 1}, "log", path, 0, note());
  client_.end_log(log, content.size());
  for (int i = 0; i < 5; ++i) {
    talk();
    now_us_ += 10'000'000;
  }
  EXPECT_EQ(said_, "");
  EXPECT_THAT(odd_, testing::Contains(HasSubstr("disk is full")));
  ASSERT_TRUE(disk.remount(0, "size=4m"));
  for (int i = 0; i < 5 && said_.empty(); ++i) {
    talk();
    now_us_ += 10'000'000;
  }
  EXPECT_EQ(said_, "done ");
  EXPECT_EQ(store_.log("log"), content);
}

TEST_F(BulkTest, OneThatTheHubHasAlreadyIsNotSentAgain) {
  const std::string content = noise(1u << 20, 7);
  const std::string path = files_.write("pod/x", content);
  client_.store({"r", "train", 1}, "file", "x", path, note());
  talk();
  EXPECT_EQ(said_, "done " + sha256_hex(content));
  // All but the hub's last word came: it is asked again, and knows it by its digest.
  protocol::Store again{9, {"r", "train", 1}, "file", "x", content.size(), sha256_hex(content)};
  bulk_.receive({"route", "user"}, test::encoded({.pod_uid = "pod"}, again), 0);
  const auto answers = bulk_.take_outgoing();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(test::all_of<protocol::Stored>({answers[0].bytes}).size(), 1u);
}

TEST_F(BulkTest, OneThatDoesNotMoveIsForgottenAndGoesOnLater) {
  const std::string content = noise(4u << 20, 7);
  client_.store({"r", "train", 1}, "file", "x", files_.write("pod/x", content), note());
  std::size_t came = 0;
  for (int i = 0; i < 6; ++i) {
    for (const std::string& bytes : client_.poll(now_us_))
      bulk_.receive({"route", "user"}, bytes, 0);
    for (const Outgoing& each : bulk_.take_outgoing()) (void)client_.receive(each.bytes, 0);
  }
  came = std::filesystem::file_size(files_ / "came/x");
  EXPECT_GT(came, 0u);
  now_us_ += 31'000'000;
  bulk_.tick(now_us_);
  EXPECT_EQ(bulk_.transfers(), 0u);
  const auto offers = test::all_of<protocol::Store>(client_.poll(now_us_));
  ASSERT_EQ(offers.size(), 1u);
  bulk_.receive({"route", "user"}, test::encoded({.pod_uid = "pod"}, offers[0]), now_us_);
  const auto answers = bulk_.take_outgoing();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(test::all_of<protocol::Resume>({answers[0].bytes}).at(0).offset, came);
  (void)client_.receive(answers[0].bytes, now_us_);
  talk();
  EXPECT_EQ(said_, "done " + sha256_hex(content));
  EXPECT_TRUE(store_.content("x") == content);
}

TEST_F(BulkTest, AFetchNeverHasMoreThanItsWindowUnderWay) {
  client_.fetch("file", store_.put(noise(8u << 20, 3)), files_ / "there", note());
  for (const std::string& bytes : client_.poll(now_us_)) bulk_.receive({"route", "user"}, bytes, 0);
  std::size_t bytes = 0;
  while (bulk_.pump()) {
  }
  for (const Outgoing& each : bulk_.take_outgoing()) bytes += each.bytes.size();
  EXPECT_GE(bytes, 2u << 20);
  EXPECT_LE(bytes, (2u << 20) + 8 * 128);
}

TEST_F(BulkTest, ACancelledTransferIsForgottenOnBothSides) {
  const auto number = client_.store({"r", "train", 1}, "file", "x",
                                    files_.write("pod/x", noise(4u << 20, 7)), note());
  for (const std::string& bytes : client_.poll(now_us_)) bulk_.receive({"route", "user"}, bytes, 0);
  EXPECT_EQ(bulk_.transfers(), 1u);
  client_.cancel(number);
  EXPECT_TRUE(client_.idle());
  talk();
  EXPECT_EQ(bulk_.transfers(), 0u);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(BulkTest, OfAFetchThatIsOverNothingIsLeft) {
  std::filesystem::create_directory(files_ / "pod");
  const auto left = [&] { return !std::filesystem::is_empty(files_ / "pod"); };
  const auto some = [&] {
    for (const std::string& bytes : client_.poll(now_us_))
      bulk_.receive({"route", "user"}, bytes, 0);
    (void)bulk_.pump();
    for (const Outgoing& each : bulk_.take_outgoing()) (void)client_.receive(each.bytes, 0);
  };
  const auto number =
      client_.fetch("file", store_.put(noise(4u << 20, 7)), files_ / "pod/x", note());
  some();
  EXPECT_TRUE(left());
  client_.cancel(number);
  EXPECT_FALSE(left());
  client_.fetch("file", sha256_hex("nobody has it"), files_ / "pod/y", note());
  talk();
  EXPECT_THAT(said_, HasSubstr("No such file"));
  EXPECT_FALSE(left());
}

class InputsTest : public BulkTest {
 protected:
  /// What came of bringing a file for this attempt: its path, or why not.
  void bring(const std::string& run, const std::string& sha256) {
    protocol::Request request;
    request.id = {run, "train", 1};
    request.inputs = {{"model", "file", sha256, 0, false}};
    inputs_.bring(std::move(request), [this, run](const Result<protocol::Request>& brought) {
      came_[run] = brought ? brought->inputs.at(0).path : brought.error().message;
    });
  }
  relay::Inputs inputs_{files_ / "in", client_};
  std::map<std::string, std::string> came_;
};

TEST_F(InputsTest, WhatSeveralWaitForComesOnce) {
  const std::string sha256 = store_.put(noise(3u << 20, 2));
  bring("a", sha256);
  bring("b", sha256);
  bring("c", sha256);
  inputs_.cancel({"b", "train", 1});
  const std::size_t asked = client_.poll(now_us_).size();
  EXPECT_EQ(asked, 1U);
  now_us_ += 10'000'000;
  talk();
  EXPECT_THAT(came_, testing::ElementsAre(testing::Pair("a", files_ / ("in/objects/" + sha256)),
                                          testing::Pair("c", files_ / ("in/objects/" + sha256))));
  EXPECT_TRUE(client_.idle());
}

TEST_F(InputsTest, WhatNobodyWaitsForAnyMoreIsNotFetchedOn) {
  const std::string sha256 = store_.put(noise(3u << 20, 2));
  bring("a", sha256);
  bring("b", sha256);
  inputs_.cancel({"a", "train", 1});
  EXPECT_FALSE(client_.idle());
  inputs_.cancel({"b", "train", 1});
  EXPECT_TRUE(client_.idle());
  bring("a", sha256_hex("nobody has it"));
  talk();
  EXPECT_THAT(came_["a"], HasSubstr("could not be brought into the Pod"));
}

}  // namespace
}  // namespace scanflow::hub
