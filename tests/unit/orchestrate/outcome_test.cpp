#include "engine/orchestrate/outcome.hpp"

#include <gmock/gmock.h>

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

kube::Failure answer(int code, const std::string& reason, const std::string& message,
                     const json& causes = json::array()) {
  return kube::failure_of(json{
      {"code", code}, {"reason", reason}, {"message", message}, {"details", {{"causes", causes}}}});
}

TEST(Outcome, WhoeverSaysNoHasChangedNothing) {
  for (const int code : {400, 403, 422, 429})
    EXPECT_EQ(outcome_of(answer(code, "x", "y"), "do it").state, Outcome::State::refused) << code;
  for (const int code : {404, 409, 500})
    EXPECT_EQ(outcome_of(answer(code, "x", "y"), "do it").state, Outcome::State::failed) << code;
  const Outcome forbidden =
      outcome_of(answer(403, "Forbidden", "User \"a\" cannot patch pods"), "resize Pod shop/a");
  EXPECT_THAT(forbidden.message, HasSubstr("cannot resize Pod shop/a"));
  EXPECT_THAT(forbidden.message, HasSubstr("scanflow kube check"));
  EXPECT_EQ(forbidden.evidence["answer"]["code"], 403);
}

TEST(Outcome, AServerThatIsNotThereIsNoAnswer) {
  const kube::Failure none =
      kube::failure_of(http::NoAnswer{http::NoAnswer::Why::refused, "refused", false}, "https://c");
  EXPECT_FALSE(outcome_of(none, "do it").answered);
  EXPECT_TRUE(outcome_of(answer(500, "", ""), "do it").answered);
}

TEST(Outcome, AVersionThatIsOldIsNoFieldOfOthers) {
  EXPECT_TRUE(is_stale(answer(409, "Conflict", "the object has been modified")));
  const kube::Failure others = answer(
      409, "Conflict", "Apply failed with 2 conflicts",
      json::array({{{"reason", "FieldManagerConflict"},
                    {"message", "conflict with \"helm\" using autoscaling/v2"}},
                   {{"reason", "FieldManagerConflict"}, {"message", "conflict with \"helm\""}},
                   {{"reason", "FieldManagerConflict"}, {"message", "conflict with \"argo\""}}}));
  EXPECT_FALSE(is_stale(others));
  EXPECT_EQ(managers_of(others), "helm, argo");
  EXPECT_FALSE(is_stale(answer(409, "AlreadyExists", "")));
}

}  // namespace
}  // namespace scanflow::orchestrate
