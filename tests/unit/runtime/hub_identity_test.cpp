#include "engine/runtime/hub_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

TEST(HubIdentity, IsMadeOnceAndOnlyThisUserMayReadIt) {
  const test::TempDir files;
  const auto made = read_hub_identity(files / "hub.json");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->keys.public_key.size(), 40u);
  struct stat status {};
  ASSERT_EQ(::stat((files / "hub.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  HubIdentity changed = *made;
  changed.port = 4190;
  changed.bulk_port = 4191;
  ASSERT_TRUE(write_hub_identity(files / "hub.json", changed));
  const auto again = read_hub_identity(files / "hub.json");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->keys.public_key, made->keys.public_key);
  EXPECT_EQ(again->port, 4190);
  EXPECT_EQ(again->bulk_port, 4191);
}

TEST(HubIdentity, EachPodHasKeysOfItsOwnTheSameForEachEngine) {
  const test::TempDir files;
  const HubIdentity hub = *read_hub_identity(files / "hub.json");
  const backend::KeyPair one = keys_of_pod(hub, "one");
  EXPECT_EQ(one.public_key, keys_of_pod(*read_hub_identity(files / "hub.json"), "one").public_key);
  EXPECT_NE(one.secret_key, keys_of_pod(hub, "two").secret_key);
  EXPECT_NE(one.secret_key,
            keys_of_pod(*read_hub_identity(files / "other.json"), "one").secret_key);
  EXPECT_EQ(one.public_key.size(), 40u);
  EXPECT_EQ(one.secret_key.size(), 40u);
}

TEST(HubIdentity, ADamagedFileIsSaidWithTheFix) {
  const test::TempDir files;
  const auto read = read_hub_identity(files.write("hub.json", "{\"secret_key\": \"short\"}"));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, testing::HasSubstr("is damaged: remove it"));
}

}  // namespace
}  // namespace scanflow::runtime
