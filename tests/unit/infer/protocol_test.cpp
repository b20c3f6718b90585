#include "engine/infer/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/unit/infer/tensors.hpp"

namespace scanflow::infer {
namespace {

using nlohmann::json;
using test::floats;
using test::ints;
using test::values;
using testing::HasSubstr;

std::string bytes_of(const std::vector<float>& list) {
  return {reinterpret_cast<const char*>(list.data()), list.size() * sizeof(float)};
}

std::string wrong(std::string body, std::optional<std::size_t> json_bytes = {}, int status = 400) {
  const auto read = read_request(std::move(body), json_bytes);
  if (read) return "";
  EXPECT_EQ(read.error().status, status) << read.error().message;
  return read.error().message;
}

/// A request with one input of these fields.
std::string with(const std::string& fields) { return R"({"inputs": [{)" + fields + "}]}"; }

TEST(ReadRequest, NumbersFlatOrNested) {
  for (const char* data :
       {"[1, 2.5, -3e2, 4]", "[[1, 2.5], [-3e2, 4]]", "[[[1], [2.5]], [[-300.0], [4]]]"}) {
    const auto read = read_request(
        with(std::string(R"("name": "x", "shape": [2, 2], "datatype": "FP32", "data": )") + data),
        {});
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->inputs.size(), 1U);
    EXPECT_EQ(read->inputs[0].shape, (Shape{2, 2}));
    EXPECT_EQ(values<float>(read->inputs[0]), (std::vector<float>{1, 2.5, -300, 4}));
  }
}

TEST(ReadRequest, EveryTypeThatHasAJsonForm) {
  const auto one = [](const char* type, const char* data) {
    return read_request(with(std::string(R"("data": )") + data + R"(, "datatype": ")" + type +
                             R"(", "name": "x", "shape": [2])"),
                        {});
  };
  EXPECT_EQ(values<std::uint8_t>(one("UINT8", "[0, 255]")->inputs[0]),
            (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(values<std::int16_t>(one("INT16", "[-7, 7]")->inputs[0]),
            (std::vector<std::int16_t>{-7, 7}));
  EXPECT_EQ(values<std::uint64_t>(one("UINT64", "[0, 18446744073709551615]")->inputs[0])[1], ~0ULL);
  EXPECT_EQ(values<double>(one("FP64", "[0.1, 2]")->inputs[0])[0], 0.1);
  EXPECT_EQ(values<std::uint8_t>(one("BOOL", "[true, false]")->inputs[0]),
            (std::vector<std::uint8_t>{1, 0}));
  const auto texts = one("BYTES", R"(["a\u00e4", ""])");
  ASSERT_TRUE(texts) << texts.error().message;
  EXPECT_EQ(texts->inputs[0].data.size(), 4U + 3 + 4);
  EXPECT_THAT(one("UINT8", "[0, 256]").error().message, HasSubstr("value 1 does not fit"));
  EXPECT_THAT(one("INT64", "[0, 1.5]").error().message, HasSubstr("value 1 does not fit"));
  EXPECT_THAT(one("BOOL", "[true, 1]").error().message, HasSubstr("value 1 does not fit"));
  EXPECT_THAT(one("FP32", R"([1, "2"])").error().message, HasSubstr("value 1 does not fit"));
  EXPECT_THAT(one("BYTES", "[1, 2]").error().message, HasSubstr("must be strings"));
  EXPECT_THAT(one("FP16", "[1, 2]").error().message, HasSubstr("FP16 has no JSON form"));
}

TEST(ReadRequest, IdOutputsAndParameters) {
  const auto read = read_request(R"({"id": "42", "parameters": {"binary_data_output": true},
      "inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [5]}],
      "outputs": [{"name": "a"}, {"name": "b", "parameters": {"binary_data": true}}]})",
                                 {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, "42");
  EXPECT_TRUE(read->binary);
  ASSERT_EQ(read->outputs.size(), 2U);
  EXPECT_FALSE(read->outputs[0].binary);
  EXPECT_TRUE(read->outputs[1].binary);
}

TEST(ReadRequest, BinaryTensorsAreViewsOfTheBody) {
  for (const int pad : {0, 1, 2, 3}) {  // however the JSON before them ends
    std::string head =
        R"({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
            {"name": "y", "shape": [1], "datatype": "FP32", "data": [9]},
            {"name": "z", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}]})" +
        std::string(static_cast<std::size_t>(pad), ' ');
    const std::size_t size = head.size();
    const auto read = read_request(head + bytes_of({1, 2, 3}), size);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(values<float>(read->inputs[0]), (std::vector<float>{1, 2}));
    EXPECT_EQ(values<float>(read->inputs[1]), (std::vector<float>{9}));
    EXPECT_EQ(values<float>(read->inputs[2]), (std::vector<float>{3}));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read->inputs[0].data.data()) % 4, 0U);
  }
}

TEST(ReadRequest, WhatIsWrongIsSaid) {
  EXPECT_THAT(wrong(""), HasSubstr("not JSON"));
  EXPECT_THAT(wrong("{\"inputs\": [}"), HasSubstr("not JSON"));
  EXPECT_THAT(wrong(std::string(5000, '[')), HasSubstr("not JSON"));
  EXPECT_THAT(wrong("\xff\xfe"), HasSubstr("not JSON"));
  EXPECT_EQ(wrong("[]"), "the body is not one JSON object");
  EXPECT_EQ(wrong("{}"), "the body has no list of inputs");
  EXPECT_EQ(wrong(R"({"inputs": []})"), "there are 1 to 64 inputs");
  EXPECT_THAT(wrong(R"({"inputs": [3]})"), HasSubstr("each input has a name"));
  EXPECT_THAT(wrong(with(R"("name": "x")")), HasSubstr("'x' has the datatype ''"));
  EXPECT_THAT(wrong(with(R"("name": "x", "datatype": "FLOAT")")),
              HasSubstr("none of the protocol's"));
  EXPECT_THAT(wrong(with(R"("name": "x", "datatype": "FP32")")), HasSubstr("has no shape"));
  EXPECT_THAT(wrong(with(R"("name": "x", "datatype": "FP32", "shape": [-1], "data": [])")),
              HasSubstr("no size is negative"));
  EXPECT_THAT(wrong(with(R"("name": "x", "datatype": "FP32", "shape": [2])")),
              HasSubstr("has neither data"));
  EXPECT_EQ(wrong(with(R"("name": "x", "datatype": "FP32", "shape": [2], "data": [1])")),
            "the input 'x': it has 1 values; its shape [2] takes 2");
  EXPECT_EQ(wrong(with(R"("name": "x", "datatype": "FP32", "shape": [1], "data": [1, 2])")),
            "the input 'x': it has more than the 1 values of its shape");
  EXPECT_THAT(
      wrong(with(R"("name": "x", "datatype": "FP32", "shape": [1099511627776], "data": [1])")),
      HasSubstr("more values than a JSON body can hold"));
  EXPECT_THAT(
      wrong(with(
          R"("name": "x", "datatype": "FP32", "shape": [9223372036854775807, 3], "data": [1])")),
      HasSubstr("at most 2^40"));
  EXPECT_THAT(wrong(with(R"("name": "x", "datatype": "FP32", "shape": [1], "data": [)" +
                         std::string(40, '[') + "1" + std::string(40, ']') + "]")),
              HasSubstr("nested too deep"));
}

TEST(ReadRequest, ANameComesOnce) {
  const std::string one = R"({"name": "x", "datatype": "FP32", "shape": [1], "data": [1]})";
  EXPECT_EQ(wrong("{\"inputs\": [" + one + ", " + one + "]}"), "two inputs are called 'x'");
}

TEST(ReadRequest, BinaryThatDoesNotAddUp) {
  const std::string head =
      R"({"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]})";
  EXPECT_EQ(wrong(head + "1234", head.size()),
            "the input 'x' announces 8 bytes of binary data; the body has 4 left");
  EXPECT_EQ(wrong(head + "123456789", head.size()),
            "1 bytes follow the binary tensors that the inputs announce");
  EXPECT_THAT(wrong(head, head.size() + 1), HasSubstr("but the body has"));
  const std::string other =
      R"({"inputs": [{"name": "x", "shape": [3], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]})";
  EXPECT_EQ(wrong(other + "12345678", other.size()),
            "the tensor 'x' of FP32 and shape [3] takes 12 bytes; 8 were given");
  const std::string huge =
      R"({"inputs": [{"name": "x", "shape": [3], "datatype": "FP32", "parameters": {"binary_data_size": 2147483648}}]})";
  EXPECT_THAT(wrong(huge, huge.size()), HasSubstr("the body has 0 left"));
}

TEST(WriteAnswer, AsJson) {
  Request request;
  request.id = "a\"b";
  const Answer answer = {{floats("p", {1, 3}, {0.1F, std::nanf(""), 2}), ints("n", {1}, {-7})},
                         {{"cnn", "3"}}};
  const auto body = write_answer("digits", request, answer);
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->json_bytes);
  EXPECT_EQ(json::parse(body->bytes),
            json::parse(R"({"model_name": "digits", "model_version": "3", "id": "a\"b",
      "outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 3], "data": [0.1, null, 2.0]},
                  {"name": "n", "datatype": "INT64", "shape": [1], "data": [-7]}]})"));
}

TEST(WriteAnswer, AsBinaryWhatIsAskedForSo) {
  Request request;
  request.outputs = {{"n", true}, {"p", false}};
  const Answer answer = {{floats("p", {1}, {0.5F}), ints("n", {2}, {1, 2})},
                         {{"a", "1"}, {"b", "2"}}};
  const auto body = write_answer("digits", request, answer);
  ASSERT_TRUE(body);
  ASSERT_TRUE(body->json_bytes);
  const json head = json::parse(body->bytes.substr(0, *body->json_bytes));
  EXPECT_EQ(head["outputs"][0]["parameters"]["binary_data_size"], 16);
  EXPECT_EQ(head["outputs"][1]["data"], json({0.5}));
  EXPECT_EQ(head["parameters"]["version.b"], "2");
  EXPECT_EQ(body->bytes.size(), *body->json_bytes + 16);
}

TEST(WriteAnswer, WhatIsNotThereIsSaid) {
  Request request;
  request.outputs = {{"q", false}};
  const auto body = write_answer("digits", request, {{floats("p", {1}, {0.5F})}, {}});
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().message, "there is no output 'q'; there is p");
  EXPECT_EQ(error_body("a \"b\"\xff"), "{\"error\":\"a \\\"b\\\"\xef\xbf\xbd\"}");
}

TEST(WriteAnswer, TextsComeBackAsTheyWent) {
  const auto read = read_request(
      with(R"("name": "x", "shape": [2], "datatype": "BYTES", "data": ["é\n", ""])"), {});
  ASSERT_TRUE(read);
  const auto body = write_answer("m", {}, {{read->inputs[0]}, {}});
  ASSERT_TRUE(body);
  EXPECT_EQ(json::parse(body->bytes)["outputs"][0]["data"], (json{"é\n", ""}));
}

TEST(ReadAnswer, ReadsWhatWasWritten) {
  const std::vector<Tensor> tensors = {floats("a", {2, 1}, {1.5, -2}), ints("b", {1}, {7})};
  for (const bool binary : {true, false}) {
    Request request;
    request.binary = binary;
    const auto written = write_answer("m", request, {tensors, {}});
    ASSERT_TRUE(written);
    const auto read = read_answer(written->bytes, written->json_bytes);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ(values<float>((*read)[0]), (std::vector<float>{1.5, -2}));
    EXPECT_EQ(values<std::int64_t>((*read)[1]), (std::vector<std::int64_t>{7}));
  }
  const auto nothing = read_answer(
      R"({"outputs": [{"name": "a", "shape": [2], "datatype": "FP32", "data": [null, 2]}]})", {});
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_TRUE(std::isnan(values<float>(nothing->at(0))[0]));
  const auto none = read_answer(R"({"outputs": [{"name": "a"}]})", {});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("the output 'a' has the datatype ''"));
}

TEST(WriteRequest, IsReadAsItWasMeant) {
  const std::vector<Tensor> inputs = {floats("a", {2, 1}, {1.5, -2}), ints("b", {1}, {7})};
  for (const bool binary : {true, false}) {
    const auto written = write_request(inputs, binary);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->json_bytes.has_value(), binary);
    const auto read = read_request(written->bytes, written->json_bytes);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->binary, binary);
    ASSERT_EQ(read->inputs.size(), 2U);
    EXPECT_EQ(values<float>(read->inputs[0]), (std::vector<float>{1.5, -2}));
    EXPECT_EQ(values<std::int64_t>(read->inputs[1]), (std::vector<std::int64_t>{7}));
  }
}

}  // namespace
}  // namespace scanflow::infer
