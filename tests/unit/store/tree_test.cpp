#include "sdk/base/tree.hpp"
#include "engine/store/digest_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.hpp"

namespace scanflow::store {
namespace {

using test::TempDir;

std::vector<std::string> paths(const std::vector<TreeFile>& files) {
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const TreeFile& file : files) names.push_back(file.path);
  return names;
}

TEST(Tree, ListsFilesByTheBytesOfTheirPathAndEmptyDirectories) {
  const TempDir directory;
  directory.write("b", "1");
  directory.write("a/z", "22");
  directory.write("a.txt", "");
  std::filesystem::create_directories(directory / "c/d");
  const auto files = list_tree(directory.path()).value();
  EXPECT_THAT(paths(files), testing::ElementsAre("a.txt", "a/z", "b", "c/d"));
  EXPECT_EQ(files[1].bytes, 2u);
  EXPECT_TRUE(files[3].empty_directory);
}

TEST(Tree, ManifestSurvivesTheRoundTrip) {
  const std::vector<TreeFile> files{
      {.path = "a b", .sha256 = std::string(64, '0'), .bytes = 7},
      {.path = "empty", .empty_directory = true},
      {.path = "run.sh", .sha256 = std::string(64, 'f'), .bytes = 0, .executable = true}};
  const std::string text = manifest_of(files);
  EXPECT_EQ(text, std::string(64, '0') + " 7 444 a b\n" + "- 0 755 empty/\n" +
                      std::string(64, 'f') + " 0 555 run.sh\n");
  const auto back = parse_manifest(text).value();
  EXPECT_EQ(manifest_of(back), text);
  EXPECT_THAT(paths(back), testing::ElementsAre("a b", "empty", "run.sh"));
  EXPECT_FALSE(parse_manifest("nonsense\n"));
}

TEST(Tree, DigestIsTheKnownOne) {
  const TempDir directory;
  directory.write("abc", "abc");
  EXPECT_EQ(digest_file(directory / "abc").value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_FALSE(digest_file(directory / "missing"));
}

}  // namespace
}  // namespace scanflow::store
