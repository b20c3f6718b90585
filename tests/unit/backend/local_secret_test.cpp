// Secrets reach the attempt, and nothing else.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

const std::string kToken = "hunter22-very-secret";

class LocalSecret : public testing::Test {
 protected:
  protocol::Request script(const std::string& text) const {
    auto request = harness_.script("a", text);
    request.secrets["TOKEN"] = kToken;
    return request;
  }
  protocol::Request plugin(const std::string& uses, const json& with = json::object()) const {
    auto request = harness_.plugin("a", uses, with);
    request.secrets["TOKEN"] = kToken;
    return request;
  }

  /// The file in the state directory that holds it: a log, what the supervisor says, what a
  /// program wrote into its slot.
  std::string holder() const {
    std::error_code gone;  // a slot is cleaned meanwhile
    std::filesystem::recursive_directory_iterator entry(harness_.state(), gone);
    for (; entry != end(entry); entry.increment(gone)) {
      const bool holds = entry->is_regular_file(gone) &&
                         test::read(entry->path()).find(kToken) != std::string::npos;
      if (holds) return entry->path();
    }
    return {};
  }

  void TearDown() override {
    EXPECT_TRUE(test::eventually([this] { return holder().empty(); })) << holder();
  }

  Harness harness_;
};

TEST_F(LocalSecret, ACommandHasItsValueAndTheLogHasNot) {
  const auto result = harness_.run(
      script("echo ${#TOKEN}; echo out $TOKEN; echo err $TOKEN >&2; printf %s $TOKEN | base64\n"
             "printf '%s\\n' hunter22- very-secret"));
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(harness_.log(result), "20\nout ***\nerr ***\n***=\nhunter22-\nvery-secret\n");
}

TEST_F(LocalSecret, WinsOverTheEnvironmentOfTheStep) {
  auto request = script("[ $TOKEN = hunter22-very-secret ] && echo $OTHER $HOME");
  request.env = {{"TOKEN", "plain"}, {"OTHER", "other"}};
  request.secrets["HOME"] = "/root/of/all";
  EXPECT_EQ(harness_.log(harness_.run(request)), "other ***\n");
}

TEST_F(LocalSecret, SurfacesInNothingThatACommandSays) {
  const auto request = script(R"(
echo "name=is $TOKEN" >> $SCANFLOW_OUTPUT
echo "list=[1, \"hunter22\u002dvery-secret\"]" >> $SCANFLOW_OUTPUT
echo "loss 1 user=$TOKEN" >> $SCANFLOW_METRICS
echo "loss $TOKEN" >> $SCANFLOW_METRICS
)");
  const auto result = harness_.run(request);
  EXPECT_EQ(json::parse(result.outputs), (json{{"name", "is ***"}, {"list", {1, "***"}}}));
  const auto metrics = harness_.metrics(request.id);
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].labels.at("user"), "***");
  EXPECT_NE(harness_.log(result).find("'loss ***' has a value that is no number"),
            std::string::npos)
      << harness_.log(result);
}

TEST_F(LocalSecret, SurfacesInNoErrorOfACommand) {
  EXPECT_EQ(harness_.run(script("echo cannot log in with $TOKEN; exit 3")).message,
            "exited with status 3; last line: cannot log in with ***");
  // A line that is quoted up to the middle of it.
  auto request = script(
      "printf '%066d=1 ' 0 | tr = ' ' > $SCANFLOW_OUTPUT\n"
      "echo $TOKEN >> $SCANFLOW_OUTPUT");
  request.id.step = "b";
  const auto result = harness_.run(request);
  EXPECT_EQ(result.cause, "error");
  EXPECT_NE(result.message.find("1 ***'"), std::string::npos) << result.message;
  EXPECT_EQ(result.message.find("hunter"), std::string::npos) << result.message;
}

TEST_F(LocalSecret, SurfacesInNothingThatAPluginSays) {
  harness_.on_call = [](Backend& backend, const protocol::HostCall& call) {
    // The engine gets what the step meant.
    EXPECT_EQ(json::parse(call.arguments)["name"], kToken);
    backend.reply({call.id, call.call, true, R"({"version":1})"});
  };
  auto request = plugin("test.leak");
  auto result = harness_.run(request);
  ASSERT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs), (json{{"***", {"is ***"}}, {"length", 20}}));
  EXPECT_EQ(harness_.log(result), "log: ***\nout: ***\nerr: ***\n");
  const auto metrics = harness_.metrics(request.id);
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].name, "m.***");
  EXPECT_EQ(metrics[0].labels.at("user"), "***");
  EXPECT_TRUE(test::eventually([&] { return harness_.progress(request.id).size() == 1; }));
  EXPECT_EQ(harness_.progress(request.id)[0], "with ***");

  request = plugin("test.leak", {{"fail", true}});
  request.id.step = "b";
  result = harness_.run(request);
  EXPECT_EQ(result.cause, "error");
  EXPECT_NE(result.message.find("refused: ***"), std::string::npos) << result.message;
}

TEST_F(LocalSecret, OfOneAttemptIsUnknownToTheNext) {
  auto first = harness_.plugin("a", "test.echo");
  first.secrets["EXTRA"] = kToken;
  EXPECT_EQ(json::parse(harness_.run(first).outputs)["extra"], "***");
  const auto next = harness_.run(harness_.plugin("b", "test.echo"));
  EXPECT_EQ(json::parse(next.outputs)["extra"], "");
}

TEST_F(LocalSecret, MuchOutputComesWholeAndInOrder) {
  // More than a pipe holds, with the secret at every offset to the reads, and bytes of all kinds.
  const auto result = harness_.run(script(
      "for i in $(seq 20000); do echo \"$i $TOKEN ...................................\"; done\n"
      "printf '\\000\\377\\n'"));
  std::string expected;
  for (int i = 1; i <= 20'000; ++i) {
    expected += std::to_string(i) + " *** ...................................\n";
  }
  EXPECT_TRUE(harness_.log(result) == expected + std::string("\0\xff\n", 3));
}

TEST_F(LocalSecret, WhatWasWrittenLastIsThere) {
  const auto result =
      harness_.run(script("head -c 200000 /dev/zero | tr '\\0' x; echo; printf \"$TOKEN\""));
  EXPECT_EQ(harness_.log(result), std::string(200'000, 'x') + "\n***");
}

TEST_F(LocalSecret, AProgramThatIsKilledInTheMiddleShowsNoPart) {
  const auto result = harness_.run(script("printf 'is hunter22-ver'; kill -9 $$"));
  EXPECT_EQ(harness_.log(result), "is ***");
  EXPECT_EQ(result.cause, "crash");
}

TEST_F(LocalSecret, ADaemonThatHoldsThePipeDoesNotHoldUpTheEnd) {
  const auto file = (harness_.files() / "daemon").string();
  const auto result = harness_.run(
      script("setsid bash -c 'while :; do echo noise; done' &\necho $! > " + file + "; echo done"));
  EXPECT_EQ(result.status, "succeeded") << result.message;
  const pid_t daemon = std::atoi(test::read(file).c_str());
  EXPECT_TRUE(test::eventually([&] { return !alive(daemon); }));
}

TEST_F(LocalSecret, ClosingItsOutputIsNoEnd) {
  const auto result = harness_.run(
      script("echo before $TOKEN; exec >/dev/null 2>&1; echo a=1 >> $SCANFLOW_OUTPUT"));
  EXPECT_EQ(result.outputs, R"({"a":1})");
  EXPECT_EQ(harness_.log(result), "before ***\n");
}

TEST_F(LocalSecret, OneThatIsTooShortIsSaidOnce) {
  auto request = harness_.script("a", "echo $SHORT; echo $SHORT");
  request.secrets["SHORT"] = "abc";
  EXPECT_EQ(harness_.log(harness_.run(request)),
            "scanflow: the secret SHORT has fewer than 4 characters: it is not hidden here; choose "
            "a longer one\nabc\nabc\n");
}

TEST_F(LocalSecret, OneThatCannotBeSetIsAMistake) {
  auto request = harness_.script("a", "true");
  request.secrets["TOKEN"] = kToken + std::string("\0", 1);
  const auto result = harness_.run(request);
  EXPECT_EQ(result.cause, "config");
  EXPECT_EQ(result.message.find("the secret TOKEN holds a NUL byte"), 0u) << result.message;
}

TEST_F(LocalSecret, IsHiddenFromAnEngineThatComesLaterToo) {
  const auto gate = (harness_.files() / "gate").string();
  auto request = script("until [ -e " + gate +
                        " ]; do sleep 0.01; done\n"
                        "echo $TOKEN; echo t=$TOKEN >> $SCANFLOW_OUTPUT");
  harness_.launch(request);
  harness_.started(request.id);
  harness_.forget_backend();
  harness_.make_backend();
  harness_.launch(request);
  harness_.files().write("gate", "");
  const auto result = harness_.result(request.id);
  EXPECT_EQ(result.outputs, R"({"t":"***"})");
  EXPECT_EQ(harness_.log(result), "***\n");
}

TEST(InprocSecret, IsRefused) {
  Harness harness(Harness::Kind::inproc);
  auto request = harness.plugin("a", "test.echo");
  request.secrets["TOKEN"] = kToken;
  const auto result = harness.run(request);
  EXPECT_EQ(result.cause, "config");
  EXPECT_NE(result.message.find("use --backend local"), std::string::npos) << result.message;
}

}  // namespace
}  // namespace scanflow::backend
