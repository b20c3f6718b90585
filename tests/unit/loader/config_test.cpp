// The C++ layer: one description makes the schema and reads the configuration.
#include <gtest/gtest.h>

#include <scanflow/config.hpp>

namespace {

using nlohmann::json;

struct Layer {
  std::int64_t width = 8;
  template <class V>
  void fields(V& f) {
    f("width", width).min(1);
  }
};

struct All {
  std::string model = "cnn1";
  std::uint8_t epochs = 2;
  double rate = 0.01;
  bool shuffle = true;
  std::vector<std::string> names;
  std::optional<std::int64_t> limit;
  std::filesystem::path file = "auto";
  json anything;
  Layer layer;
  std::vector<Layer> layers;

  template <class V>
  void fields(V& f) {
    f("model", model).one_of({"cnn1", "cnn2"}).doc("architecture");
    f("epochs", epochs).min(1).max(100);
    f("rate", rate).above(0);
    f("shuffle", shuffle);
    f("names", names).required().min_length(1).min_items(1).max_items(2);
    f("limit", limit).min(0);
    f("file", file);
    f("anything", anything);
    f("layer", layer);
    f("layers", layers);
  }
};

TEST(Config, MakesTheSchema) {
  EXPECT_EQ(scanflow::config_schema<All>(), json::parse(R"({
    "type": "object", "additionalProperties": false, "required": ["names"],
    "properties": {
      "model": {"type": "string", "enum": ["cnn1", "cnn2"], "default": "cnn1",
                "description": "architecture"},
      "epochs": {"type": "integer", "minimum": 1, "maximum": 100, "default": 2},
      "rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.01},
      "shuffle": {"type": "boolean", "default": true},
      "names": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1,
                "maxItems": 2},
      "limit": {"type": ["integer", "null"], "minimum": 0},
      "file": {"type": "string", "default": "auto"},
      "anything": {"default": null},
      "layer": {"type": "object", "additionalProperties": false,
                "properties": {"width": {"type": "integer", "minimum": 1, "default": 8}}},
      "layers": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                 "properties": {"width": {"type": "integer", "minimum": 1, "default": 8}}}}
    }})"));
}

TEST(Config, ReadsAndKeepsDefaults) {
  const auto config = scanflow::read_config<All>(json::parse(R"({
    "names": ["a"], "epochs": 7, "rate": 1, "limit": 3, "file": "/x", "anything": {"a": [1]},
    "layer": {"width": 9}, "layers": [{}, {"width": 2}]})"));
  EXPECT_EQ(config.model, "cnn1");
  EXPECT_EQ(config.epochs, 7);
  EXPECT_EQ(config.rate, 1.0);
  EXPECT_EQ(config.limit, 3);
  EXPECT_EQ(config.file, "/x");
  EXPECT_EQ(config.anything, json::parse(R"({"a": [1]})"));
  EXPECT_EQ(config.layer.width, 9);
  ASSERT_EQ(config.layers.size(), 2U);
  EXPECT_EQ(config.layers[0].width, 8);
}

std::string error_of(const char* text) {
  try {
    scanflow::read_config<All>(json::parse(text));
    return "";
  } catch (const scanflow::Error& error) {
    return error.what();
  }
}

TEST(Config, RefusesWhatItDidNotDescribe) {
  EXPECT_EQ(error_of("{}"), "with.names: missing, and it has no default");
  EXPECT_EQ(error_of("[]"), "with: expected an object, got []");
  EXPECT_EQ(error_of(R"({"names": ["a"], "x": 1})"), "with: unknown field 'x'");
  EXPECT_EQ(error_of(R"({"names": ["a"], "epochs": 300})"), "with.epochs: 300 is out of range");
  EXPECT_EQ(error_of(R"({"names": ["a"], "epochs": -1})"), "with.epochs: -1 is out of range");
  EXPECT_EQ(error_of(R"({"names": ["a"], "epochs": 0})"), "with.epochs: 0 is below the minimum 1");
  EXPECT_EQ(error_of(R"({"names": ["a"], "epochs": 1.0})"),
            "with.epochs: expected an integer, got 1.0");
  EXPECT_EQ(error_of(R"({"names": ["a"], "rate": 0})"), "with.rate: 0.0 must be above 0");
  EXPECT_EQ(error_of(R"({"names": ["a"], "model": "x"})"),
            "with.model: \"x\" is not one of the allowed values");
  EXPECT_EQ(error_of(R"({"names": ["a", ""]})"), "with.names: \"\" is shorter than 1 characters");
  EXPECT_EQ(error_of(R"({"names": []})"), "with.names: has fewer than 1 items");
  EXPECT_EQ(error_of(R"({"names": ["a", 1]})"), "with.names[1]: expected text, got 1");
  EXPECT_EQ(error_of(R"({"names": ["a"], "layers": [{}, {"width": 0}]})"),
            "with.layers[1].width: 0 is below the minimum 1");
}

}  // namespace
