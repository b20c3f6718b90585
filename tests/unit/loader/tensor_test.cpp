// Tensors at the host's side: types, sizes, signatures.
#include "sdk/loader/tensor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace scanflow::loader {
namespace {

using testing::HasSubstr;

Tensor tensor(const std::string& name, DataType type, Shape shape, std::size_t bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(bytes);
  return {name, type, std::move(shape), *owner, owner};
}

std::string wrong(const Tensor& tensor) {
  const auto checked = check_bytes(tensor);
  return checked ? "" : checked.error().message;
}

TEST(TensorTest, TypesHaveTheNamesOfTheProtocol) {
  for (const char* name : {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
                           "INT64", "FP16", "FP32", "FP64", "BYTES"}) {
    const auto type = datatype_of(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(datatype_name(*type), name);
  }
  EXPECT_FALSE(datatype_of("fp32"));
  EXPECT_FALSE(datatype_of(""));
  EXPECT_EQ(datatype_name(99), "");
  EXPECT_EQ(element_size(SCANFLOW_FP16), 2U);
}

TEST(TensorTest, BytesFitTypeAndShape) {
  EXPECT_EQ(wrong(tensor("a", SCANFLOW_FP32, {2, 3}, 24)), "");
  EXPECT_EQ(wrong(tensor("a", SCANFLOW_FP64, {}, 8)), "") << "no dimension: one element";
  EXPECT_EQ(wrong(tensor("a", SCANFLOW_FP32, {0, 3}, 0)), "");
  EXPECT_EQ(wrong(tensor("a", SCANFLOW_FP32, {2, 3}, 23)),
            "the tensor 'a' of FP32 and shape [2,3] takes 24 bytes; 23 were given");
  EXPECT_THAT(wrong(tensor("a", SCANFLOW_FP32, {2, -3}, 24)), HasSubstr("none negative"));
  EXPECT_THAT(wrong(tensor("a", SCANFLOW_FP32, {1LL << 33, 1LL << 33}, 4)), HasSubstr("2^40"));
  EXPECT_THAT(wrong(tensor("a", SCANFLOW_FP32, Shape(17, 1), 4)), HasSubstr("at most 16 sizes"));
  EXPECT_THAT(wrong(tensor("a", 77, {1}, 4)), HasSubstr("unknown datatype"));
}

TEST(TensorTest, TextsHaveTheirLengthsBeforeThem) {
  const char two[] = "\1\0\0\0a\0\0\0\0";
  Tensor texts{"t", SCANFLOW_BYTES, {2}, std::as_bytes(std::span(two, 9)), nullptr};
  EXPECT_EQ(wrong(texts), "");
  texts.shape = {3};
  EXPECT_THAT(wrong(texts), HasSubstr("must hold 3 elements"));
  texts.data = texts.data.subspan(0, 4);
  EXPECT_THAT(wrong(texts), HasSubstr("its last is cut off"));
}

TEST(TensorTest, ASignatureIsCheckedLikeAnyInput) {
  const auto bad = [](const char* text) {
    const auto parsed = parse_signature(text);
    return parsed ? "" : parsed.error().message;
  };
  EXPECT_EQ(bad("{}"), "");
  EXPECT_EQ(bad("[]"), "the signature is not one JSON object");
  EXPECT_THAT(bad(R"({"inputs": 3})"), HasSubstr("not a list"));
  EXPECT_THAT(bad(R"({"inputs": [{}]})"), HasSubstr("an object with a name"));
  EXPECT_THAT(bad(R"({"inputs": [{"name": "x", "datatype": "FLOAT"}]})"),
              HasSubstr("'x' has no datatype"));
  EXPECT_THAT(bad(R"({"outputs": [{"name": "x", "datatype": "FP32", "shape": [-2]}]})"),
              HasSubstr("'x' has no shape"));
  EXPECT_THAT(bad(R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}],
                      "batchable": true})"),
              HasSubstr("dimension 0 of 'x' must be -1"));
}

TEST(TensorTest, InputsAreHeldAgainstTheSignature) {
  const Signature signature = *parse_signature(
      R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]},
                     {"name": "w", "datatype": "INT64", "shape": [-1]}], "batchable": true})");
  const auto said = [&](const std::vector<Tensor>& inputs) {
    const auto checked = check_inputs(signature, inputs);
    return checked ? "" : checked.error().message;
  };
  const Tensor x = tensor("x", SCANFLOW_FP32, {3, 2}, 24), w = tensor("w", SCANFLOW_INT64, {3}, 24);
  EXPECT_EQ(said({x, w}), "");
  EXPECT_EQ(said({w, x}), "") << "the order is free";
  EXPECT_EQ(said({x}), "the model takes 2 (x, w); 1 came");
  EXPECT_EQ(said({x, x}), "there is no input 'w'; the model takes x, w");
  EXPECT_EQ(said({x, tensor("w", SCANFLOW_FP32, {3}, 12)}),
            "the input 'w' is of FP32; the model takes INT64");
  EXPECT_EQ(said({tensor("x", SCANFLOW_FP32, {3, 4}, 48), w}),
            "the input 'x' has the shape [3,4]; the model takes [-1,2] (-1: any size)");
  EXPECT_THAT(said({x, tensor("w", SCANFLOW_INT64, {2}, 16)}), HasSubstr("has 2 rows"));
  EXPECT_EQ(said({tensor("z", SCANFLOW_FP32, {}, 4), x}),
            "there is no input 'w'; the model takes x, w");
  EXPECT_TRUE(check_inputs({}, std::vector<Tensor>{x, x, w})) << "without one: whatever comes";
}

}  // namespace
}  // namespace scanflow::loader
