#include <gtest/gtest.h>

#include "plugins/steps/model/request.hpp"

namespace scanflow::model {
namespace {

using nlohmann::json;

std::string problem(const json& metrics, const json& tags) {
  try {
    make_request("m", metrics, tags, json::object());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(RegisterModel, MergesTheCardsMetricsUnderItsOwn) {
  const json card = {{"architecture", "cnn2"},
                     {"metrics", {{"accuracy", 0.9}, {"loss", 0.1}, {"curve", {1, 2}}}}};
  EXPECT_EQ(make_request("mnist_cnn", {{"accuracy", 0.98}}, {{"stage", "new"}}, card),
            (json{{"name", "mnist_cnn"},
                  {"input", "model"},
                  {"metrics", {{"accuracy", 0.98}, {"loss", 0.1}}},
                  {"tags", {{"stage", "new"}}}}));
  EXPECT_EQ(make_request("m", json::object(), json::object(), json::object())["metrics"],
            json::object());
}

TEST(RegisterModel, ChecksNames) {
  EXPECT_EQ(name_problem("mnist_cnn-2.1"), "");
  EXPECT_NE(name_problem(""), "");
  EXPECT_NE(name_problem(std::string(129, 'a')), "");
  EXPECT_NE(name_problem("Mnist").find("place 1"), std::string::npos) << name_problem("Mnist");
  EXPECT_NE(name_problem("a/../b").find("place 2"), std::string::npos);
}

TEST(RegisterModel, ChecksMetricsAndTags) {
  EXPECT_NE(problem({{"accuracy", nullptr}}, json::object()).find("with.metrics.accuracy is null"),
            std::string::npos);
  EXPECT_NE(problem(json::array(), json::object()).find("with.metrics is array"),
            std::string::npos);
  EXPECT_NE(problem(json::object(), {{"a", json::array()}}).find("with.tags.a is array"),
            std::string::npos);
  EXPECT_EQ(problem({{"a", 1}}, {{"b", true}, {"c", "x"}, {"d", 2}}), "none");
}

}  // namespace
}  // namespace scanflow::model
