// apply, diff, get and delete over --server: what they say and do on a state directory.
#include <gmock/gmock.h>

#include <regex>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

std::string document(const std::string& name, const std::string& step,
                     const std::string& more = "") {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + more +
         "}\nsteps: [{name: a, " + step + "}]\n";
}

class RemoteRegistry : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    return remote_.here.files().write(name, text);
  }
  /// Both end the same, and say the same.
  Output both(const Words& command) const {
    Output over = remote_(command);
    const Output local = local_(command);
    EXPECT_EQ(over.exit, local.exit) << command[0] << "\n" << over.err;
    EXPECT_EQ(without_ages(over.out), without_ages(local.out)) << command[0];
    EXPECT_EQ(over.err, local.err) << command[0];
    return over;
  }
  /// "3 s", in a table whose columns are as wide as they have to be.
  static std::string without_ages(const std::string& text) {
    static const std::regex age("[0-9.]+ m?s( +|\\b)");
    return std::regex_replace(text, age, "AGE ");
  }
  /// But for when that was.
  static json without_times(json documents) {
    for (json& each : documents) each.erase("created_us");
    return documents;
  }

  const Remote remote_;
  const Scanflow local_;
};

TEST_F(RemoteRegistry, SaysWhatAStateDirectorySays) {
  const std::string path = file("p.yaml", document("p", "uses: noop", ", labels: {tier: x}") +
                                              "---\n" + document("q", "uses: noop"));
  EXPECT_THAT(both({"apply", "-f", path, "--dry-run"}).out, HasSubstr("created (dry run)"));
  EXPECT_THAT(both({"get"}).out, HasSubstr("nothing is registered yet"));
  EXPECT_EQ(both({"diff", "-f", path}).exit, 1);
  EXPECT_EQ(both({"apply", "-f", path}).exit, 0);
  EXPECT_EQ(both({"diff", "-f", path}).out, "");
  file("p.yaml", document("p", "run: echo") + "---\n" + document("q", "uses: noop"));
  EXPECT_THAT(both({"diff", "-f", path}).out, HasSubstr("--- default/p@1 (registered)\n"));
  both({"diff", "-f", path, "-o", "json"});
  both({"apply", "-f", path, "-o", "json", "--dry-run"});
  EXPECT_THAT(both({"apply", "-f", path}).out, HasSubstr("p@2 configured"));
  EXPECT_THAT(both({"apply", "-f", path, "-n", "team"}).out, HasSubstr("team/p@1 created"));
  for (const Words& command : {Words{"get"},
                               {"get", "p", "-o", "yaml"},
                               {"get", "pipeline/p@1", "-o", "yaml"},
                               {"get", "pipelines", "-o", "yaml"},
                               {"get", "-A", "-l", "tier=x"},
                               {"get", "-n", "none"},
                               {"get", "p", "--versions"},
                               {"get", "p@7"},
                               {"get", "pipline"},
                               {"get", "application/x"},
                               {"get", "-l", ",,"},
                               {"get", "q", "-n", "other"},
                               {"delete", "nothing"},
                               {"delete", "p", "nothing"},
                               {"delete", "pipeline"},
                               {"validate", "team/p"},
                               {"validate", "p@9"},
                               {"graph", "q"},
                               {"schedules"},
                               {"apply", "-f", file("bad.yaml", document("p", "uses: nop"))},
                               {"diff", "-f", file("bad.yaml", document("p", "uses: nop"))},
                               {"delete", "-f", file("empty.yaml", "")}})
    both(command);
  for (const Words& command :
       {Words{"get", "-A", "-o", "json"}, {"get", "p", "--versions", "-o", "json"}}) {
    EXPECT_EQ(without_times(last_line(remote_(command))),
              without_times(last_line(local_(command))));
  }
  EXPECT_EQ(both({"delete", "p@1", "q"}).out,
            "pipeline default/p@1 deleted\npipeline default/q deleted\n");
  EXPECT_EQ(both({"delete", "-f", path, "-n", "team", "-o", "json"}).exit, 0);
  EXPECT_EQ(both({"delete", "pipeline", "-l", "tier!=y", "-A"}).exit, 0);
  both({"get", "-A"});
  EXPECT_EQ(remote_.here({"get", "-A", "-o", "json"}).out, "[]\n") << "nothing of it is here";
  EXPECT_FALSE(std::filesystem::exists(remote_.here.state() / "scanflow.db"));
}

TEST_F(RemoteRegistry, AllOrNothingIsAppliedAndDeleted) {
  file("d/a.yaml", document("a", "uses: noop"));
  file("d/b.yaml", document("b", "uses: nop") + "---\n" + document("c", "pipeline: nobody"));
  const Output refused = both({"apply", "-f", remote_.here.files() / "d"});
  EXPECT_EQ(refused.exit, 2);
  EXPECT_THAT(refused.err, HasSubstr("2 errors; nothing was applied"));
  EXPECT_EQ(remote_({"get", "-o", "json"}).out, "[]\n");
  const std::string a = file("d/a.yaml", document("a", "uses: noop"));
  ASSERT_EQ(remote_({"apply", "-f", a}).exit, 0);
  EXPECT_EQ(remote_({"delete", "-f", a, "-f", file("x.yaml", document("x", "uses: noop"))}).exit,
            2);
  EXPECT_THAT(remote_({"get"}).out, HasSubstr("default    a"));
}

TEST_F(RemoteRegistry, ManyAndLargeOnesComeWhole) {
  std::string texts;
  for (int i = 0; i < 1200; ++i)  // more than a page
    texts += (i == 0 ? "" : "---\n") + document("p" + std::to_string(i), "uses: noop");
  const std::string large(3u << 20, 'x');
  for (const char* name : {"x1", "x2"})
    texts += "---\n" + document(name, "uses: noop") + "# " + large + "\n";
  const std::string path = file("all.yaml", texts);
  EXPECT_EQ(last_line(remote_({"apply", "-f", path, "-o", "json"})).size(), 1202u);
  const json all = last_line(remote_({"get", "-o", "json"}));
  ASSERT_EQ(all.size(), 1202u);
  EXPECT_EQ(all.back()["source"].get<std::string>().size(),
            document("x2", "uses: noop").size() + 3 + large.size());
  EXPECT_EQ(last_line(remote_({"delete", "-f", path, "-o", "json"})).size(), 1202u);
}

TEST_F(RemoteRegistry, IsCompletedByTheShell) {
  ASSERT_EQ(
      remote_({"apply", "-n", "team", "-f", file("p.yaml", document("p", "uses: noop"))}).exit, 0);
  ASSERT_EQ(remote_({"run", "team/p"}).exit, 0);
  const auto of = [&](Words words) {
    words.insert(words.begin(), "__complete");
    return remote_.here(words, {{"SCANFLOW_SERVER", remote_.server->url()}}).out;
  };
  EXPECT_EQ(of({"run", "te"}), "team/p\n");
  EXPECT_EQ(of({"get", ""}), "team/p\n");
  EXPECT_EQ(of({"runs", "show", "la"}), "last\n");
  EXPECT_EQ(of({"runs", "logs", "last", ""}), "a\n");
  EXPECT_EQ(remote_.here({"__complete", "--server", remote_.server->url(), "run", "te"}).out,
            "team/p\n");
}

}  // namespace
}  // namespace scanflow::test
