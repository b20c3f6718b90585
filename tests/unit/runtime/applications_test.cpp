// Registered applications that cannot be read any more.
#include "engine/runtime/applications.hpp"

#include <gmock/gmock.h>

namespace scanflow::runtime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

store::Document document(const std::string& name, const std::string& source) {
  store::Document made;
  made.kind = "Application";
  made.name_space = "default";
  made.name = name;
  made.file = name + ".yaml";
  made.source = source;
  return made;
}

std::string application(const std::string& name, const std::string& teams) {
  return "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: " + name +
         "}\nteams:\n" + teams;
}

TEST(Applications, OneThatCannotBeReadClosesItsNamespaces) {
  std::string logged;
  const pipeline::Applications all = read_applications(
      {document("app", application("app", "  - {name: a, quoat: {runs: 1}}\n  - {name: b}\n")),
       document("fine", application("fine", "  - {name: a}\n"))},
      [&](const std::string& line) { logged += line; });
  EXPECT_EQ(all.all().size(), 1u);
  EXPECT_THAT(logged, AllOf(HasSubstr("nothing begins in the namespaces of the application"),
                            HasSubstr("quoat")));
  EXPECT_THAT(all.closed("app-a"),
              AllOf(HasSubstr("the namespace app-a is of the Application default/app, which cannot "
                              "be read any more; apply it anew, or delete it"),
                    HasSubstr("quoat")));
  EXPECT_NE(all.closed("app-b"), "");
  EXPECT_EQ(all.closed("app-c"), "") << "none of its teams";
  EXPECT_EQ(all.closed("fine-a"), "");
  EXPECT_EQ(all.closed("elsewhere"), "");
  EXPECT_FALSE(all.empty());
}

TEST(Applications, WhereNoTeamCanBeReadItsNameCloses) {
  const pipeline::Applications all = read_applications({document("app", "teams: [")}, nullptr);
  EXPECT_NE(all.closed("app-a"), "");
  EXPECT_EQ(all.closed("apple"), "");
}

TEST(Applications, WhereNothingIsKnownNothingBegins) {
  const auto none = pipeline::Applications::unknown("disk I/O error");
  EXPECT_THAT(none.closed("elsewhere"), HasSubstr("cannot be read"));
  EXPECT_THAT(none.closed("elsewhere"), HasSubstr("disk I/O error"));
  EXPECT_FALSE(none.empty());
}

}  // namespace
}  // namespace scanflow::runtime
