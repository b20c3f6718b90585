// All points of a metric, page by page.
#include <gmock/gmock.h>

#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class History : public Tracking {
 protected:
  std::vector<std::string> values(const json& more = json::object()) {
    json request = {{"run_id", run_}, {"metric_key", "m"}};
    request.update(more);
    const json answer = ok("metrics/get-history", request);
    next_ = answer.value("next_page_token", "");
    std::vector<std::string> all;
    for (const json& each : answer.at("metrics")) all.push_back(each.at("value").dump());
    return all;
  }

  const std::string run_ = run("0");
  std::string next_;
};

TEST_F(History, HoldsEachPointOnceInTheOrderOfTime) {
  log(run_, "m", 3.5, 2);
  now_ms_ -= 10;
  log(run_, "m", 1.5, 1);
  log(run_, "m", 1.5, 1);  // told twice
  log(run_, "m", "NaN", 1);
  log(run_, "m", "NaN", 1);
  log(run_, "m", "Infinity", 0);
  log(run_, "n", 7);
  EXPECT_THAT(values(), ElementsAre("\"Infinity\"", "\"NaN\"", "1.5", "3.5"));
}

TEST_F(History, OfWhatIsNotThereIsEmpty) {
  EXPECT_THAT(values(), IsEmpty());
  EXPECT_THAT(problem("metrics/get-history", {{"run_id", "none"}, {"metric_key", "m"}}),
              HasSubstr("RESOURCE_DOES_NOT_EXIST"));
}

TEST_F(History, GoesPageByPageWhateverTheValues) {
  for (const json& value :
       {json(0.1), json("NaN"), json("-Infinity"), json("Infinity"), json(1e300)}) {
    ++now_ms_;
    log(run_, "m", value, -3);
  }
  std::vector<std::string> all;
  json page = {{"max_results", 1}};
  do {
    for (std::string& each : values(page)) all.push_back(std::move(each));
    page["page_token"] = next_;
  } while (!next_.empty());
  EXPECT_THAT(all, ElementsAre("0.1", "\"NaN\"", "\"-Infinity\"", "\"Infinity\"", "1e+300"));
  for (const char* wrong : {"x", "after:", "after:1:2:3", "after:1:2:3:0:0x"}) {
    EXPECT_EQ(problem("metrics/get-history",
                      {{"run_id", run_}, {"metric_key", "m"}, {"page_token", wrong}}),
              "INVALID_PARAMETER_VALUE: 'page_token' is none that this server has given")
        << wrong;
  }
}

}  // namespace
}  // namespace scanflow::track
