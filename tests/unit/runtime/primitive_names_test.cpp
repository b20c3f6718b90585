// The names that agents' documents are checked by are those that there are.
#include <gtest/gtest.h>

#include "engine/orchestrate/primitive.hpp"
#include "engine/pipeline/engine_primitives.hpp"

namespace scanflow::runtime {
namespace {

TEST(PrimitiveNames, OfObjectsAreThoseOfTheirTable) {
  std::vector<std::string_view> names;
  for (const orchestrate::Primitive& each : orchestrate::primitives()) names.push_back(each.name);
  const auto known = pipeline::object_primitive_names();
  EXPECT_EQ(std::vector<std::string_view>(known.begin(), known.end()), names);
}

}  // namespace
}  // namespace scanflow::runtime
