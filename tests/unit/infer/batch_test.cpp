#include "engine/infer/batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/infer/tensors.hpp"

namespace scanflow::infer {
namespace {

using test::floats;
using test::ints;
using test::values;

Tensor texts(Shape shape, const std::vector<std::string>& list) {
  std::vector<char> bytes;
  for (const std::string& text : list) {
    const auto size = static_cast<std::uint32_t>(text.size());
    bytes.insert(bytes.end(), reinterpret_cast<const char*>(&size),
                 reinterpret_cast<const char*>(&size) + sizeof size);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return test::tensor("t", SCANFLOW_BYTES, std::move(shape), bytes);
}

TEST(BatchTest, RowsGoTogetherAndApart) {
  const std::vector<Tensor> a = {floats("x", {1, 2}, {1, 2}), ints("n", {1}, {7})};
  const std::vector<Tensor> b = {ints("n", {2}, {8, 9}), floats("x", {2, 2}, {3, 4, 5, 6})};
  ASSERT_TRUE(fit_together(a, b)) << "names count, not their order";
  const std::vector<std::span<const Tensor>> parts = {a, b};
  const auto joined = join(parts);
  ASSERT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined[0].shape, (Shape{3, 2}));
  EXPECT_EQ(values<float>(joined[0]), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values<std::int64_t>(joined[1]), (std::vector<std::int64_t>{7, 8, 9}));
  const auto apart = split(joined, std::vector<std::int64_t>{1, 2});
  ASSERT_TRUE(apart);
  EXPECT_EQ((*apart)[0][0].shape, (Shape{1, 2}));
  EXPECT_EQ(values<float>((*apart)[1][0]), (std::vector<float>{3, 4, 5, 6}));
  EXPECT_EQ(values<std::int64_t>((*apart)[1][1]), (std::vector<std::int64_t>{8, 9}));
}

TEST(BatchTest, TextsAreSplitByTheirLengths) {
  const auto apart =
      split(std::vector{texts({3, 1}, {"a", "", "ccc"})}, std::vector<std::int64_t>{2, 1});
  ASSERT_TRUE(apart);
  EXPECT_EQ((*apart)[0][0].data.size(), 4U + 1 + 4);
  EXPECT_EQ((*apart)[1][0].data.size(), 4U + 3);
}

TEST(BatchTest, WhatDiffersDoesNotGoTogether) {
  const std::vector<Tensor> a = {floats("x", {1, 2}, {1, 2})};
  EXPECT_FALSE(fit_together(a, std::vector{floats("y", {1, 2}, {1, 2})})) << "a name";
  EXPECT_FALSE(fit_together(a, std::vector{floats("x", {1, 3}, {1, 2, 3})})) << "a size";
  EXPECT_FALSE(fit_together(a, std::vector{floats("x", {2}, {1, 2})})) << "a dimension";
  EXPECT_FALSE(fit_together(a, std::vector{ints("x", {1, 2}, {1, 2})})) << "a type";
  EXPECT_FALSE(fit_together(a, {})) << "none";
  EXPECT_FALSE(fit_together(std::vector{floats("x", {}, {1})}, std::vector{floats("x", {}, {1})}))
      << "no rows";
}

TEST(BatchTest, OutputsOfAnotherCountOfRowsAreTheModelsFault) {
  const auto apart = split(std::vector{floats("y", {2}, {1, 2})}, std::vector<std::int64_t>{1, 2});
  ASSERT_FALSE(apart);
  EXPECT_EQ(apart.error().status, 500);
  EXPECT_THAT(apart.error().message, testing::HasSubstr("'y' has the shape [2] for 3 rows"));
}

}  // namespace
}  // namespace scanflow::infer
