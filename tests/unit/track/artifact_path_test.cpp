#include "engine/track/artifact_path.hpp"

#include <gmock/gmock.h>

#include <string>

namespace scanflow::track {
namespace {

using testing::HasSubstr;

TEST(ArtifactPath, NamesThatMeanTheSameToEverybody) {
  for (const char* path : {"a", "0/0123/artifacts/model/MLmodel", "a b/c+d.e-f_g", "..a/b..", "...",
                           "100%", "50%25", "\xc3\xa4/\xe6\x97\xa5", "a:b", "#1"})
    EXPECT_TRUE(check_artifact_path(path)) << path;
  EXPECT_TRUE(check_artifact_path(std::string(kMostPath, 'a')));
}

TEST(ArtifactPath, OthersAreRefused) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "empty name"},
      {"/a", "empty name"},
      {"a/", "empty name"},
      {"a//b", "empty name"},
      {"..", "leads out"},
      {"a/../b", "leads out"},
      {"./a", "leads out"},
      {"a/%2e%2e/b", "leads out"},
      {"a/%252e%252E/b", "leads out"},
      {"a%2Fb", "slash within"},
      {"a%5cb", "slash within"},
      {"a\\b", "slash within"},
      {std::string("a\0b", 3), "control character"},
      {"a%00b", "control character"},
      {"a\nb", "control character"},
      {"a\x7f", "control character"},
      {"a\xff", "no UTF-8"},
      {std::string(kMostPath + 1, 'a'), "has 501 bytes"}};
  for (const auto& [path, why] : wrong) {
    const auto checked = check_artifact_path(path);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().code, Code::invalid);
    EXPECT_THAT(checked.error().message, HasSubstr(why)) << path;
  }
}

}  // namespace
}  // namespace scanflow::track
