#include "plugins/steps/torch/architecture.hpp"

#include <gtest/gtest.h>

#include "tests/support/error_of.hpp"

namespace scanflow::cnn {
namespace {

using test::error_of;

TEST(Architecture, CountsItsWeights) {
  EXPECT_EQ(architecture("cnn1").parameters(), 208 + 3216 + 16448 + 650);
  EXPECT_EQ(architecture("cnn2").parameters(), 160 + 4640 + 102528 + 1290);
}

TEST(Architecture, IsToldByTheTensors) {
  for (const Architecture& known : architectures()) {
    EXPECT_EQ(deduce(shapes_of(known), "w").name, known.name);
  }
}

TEST(Architecture, NamesWhatDiffers) {
  Shapes shapes = shapes_of(architecture("cnn1"));
  shapes["classes.weight"] = {26, 64};
  shapes.erase("conv2.bias");
  shapes["extra"] = {3};
  EXPECT_EQ(error_of([&] { deduce(shapes, "model.pt"); }),
            "model.pt: these weights belong to none of our models (cnn1, cnn2); nearest is cnn1: "
            "classes.weight is [26, 64], expected [10, 64]; conv2.bias [16] is missing; extra [3] "
            "is not part of it");
}

TEST(Architecture, OtherModelIsNamed) {
  const std::string error = error_of(
      [&] { check_fit(architecture("cnn1"), shapes_of(architecture("cnn2")), "model.pt"); });
  EXPECT_TRUE(
      error.starts_with("model.pt: the weights do not fit model cnn1: classes.weight is "
                        "[10, 128], expected [10, 64]; "))
      << error;
  EXPECT_TRUE(error.ends_with("; these are weights of cnn2: set model to it")) << error;
}

}  // namespace
}  // namespace scanflow::cnn
