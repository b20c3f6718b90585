// scanflow inject and uninject: real files, and what people get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string kPod = R"(apiVersion: v1
kind: Pod
metadata: {name: app, labels: {version: "1.10", on: "yes"}}
spec:
  containers:
  - {name: main, image: app, command: [app]}
)";
const std::string kConfig = "# kept\nkind: ConfigMap\napiVersion: v1\ndata: {a: 'yes'}\n";

class InjectProgram : public testing::Test {
 protected:
  Output pipe(const std::string& command, const std::string& text) const {
    const std::string file = scanflow_.files().write("stdin.txt", text);
    const std::string program = std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow";
    return Program({"sh", "-c", program + " " + command + " < " + file}).wait();
  }
  void expect_refused(const std::vector<std::string>& argv, const std::string& error) const {
    const Output output = scanflow_(argv);
    EXPECT_EQ(output.exit, 2) << output.err;
    EXPECT_EQ(output.out, "") << "nothing half written";
    EXPECT_THAT(output.err, HasSubstr(error));
  }
  const Scanflow scanflow_;
};

TEST_F(InjectProgram, FromAFileToStdoutAndBack) {
  const std::string file = scanflow_.files().write("app.yaml", kConfig + "---\n" + kPod);
  const Output injected = scanflow_({"inject", "-f", file});
  EXPECT_EQ(injected.exit, 0);
  EXPECT_EQ(injected.err, file + ":6: Pod app injected\n");
  EXPECT_TRUE(injected.out.starts_with(kConfig)) << injected.out;
  EXPECT_THAT(injected.out, HasSubstr("- name: scanflow-sidecar"));
  EXPECT_THAT(injected.out, HasSubstr("version: \"1.10\"\n    on: \"yes\"\n"));
  const Output again = pipe("inject -f -", injected.out);
  EXPECT_EQ(again.out, injected.out);
  EXPECT_EQ(again.err, "<stdin>:6: Pod app unchanged\n");
  const Output back = pipe("uninject -f - -q", injected.out);
  EXPECT_EQ(back.err, "");
  EXPECT_EQ(back.out, kConfig +
                          "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: app\n  labels:\n"
                          "    version: \"1.10\"\n    on: \"yes\"\nspec:\n  containers:\n"
                          "  - name: main\n    image: app\n    command:\n    - app\n");
}

TEST_F(InjectProgram, OfDirectoriesAllThatIsInThem) {
  scanflow_.files().write("d/b/pod.json", R"({"apiVersion": "v1", "kind": "Pod", "metadata":
    {"name": "b"}, "spec": {"containers": [{"name": "main", "image": "app", "command": ["x"]}]}})");
  scanflow_.files().write("d/a.yml", kPod);
  scanflow_.files().write("d/notes.txt", "not: [a manifest");
  scanflow_.files().write("d/.git/c.yaml", "not: [a manifest");
  const std::string directory = (scanflow_.files() / "d").string();
  const Output output = scanflow_({"inject", "-f", directory});
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("a.yml:1: Pod app injected\n"));
  EXPECT_THAT(output.err, HasSubstr("b/pod.json:1: Pod b injected\n"));
  EXPECT_TRUE(output.out.starts_with("---\napiVersion: v1\n")) << output.out;
  EXPECT_THAT(output.out, HasSubstr("\n---\n{\n    \"apiVersion\": \"v1\""));
  // The whole is one stream that can be read again.
  EXPECT_EQ(pipe("inject -f -", output.out).out, output.out);
}

TEST_F(InjectProgram, WritesAFileOrOneJsonDocument) {
  const std::string file = scanflow_.files().write("app.yaml", kConfig + "---\n" + kPod);
  const std::string to = (scanflow_.files() / "out.yaml").string();
  const Output written = scanflow_({"inject", "-f", file, "--to", to});
  EXPECT_EQ(written.exit, 0) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(read(to), scanflow_({"inject", "-f", file}).out);
  const json list = json::parse(scanflow_({"inject", "-f", file, "-o", "json"}).out);
  EXPECT_EQ(list["kind"], "List");
  ASSERT_EQ(list["items"].size(), 2U);
  EXPECT_EQ(list["items"][1]["spec"]["initContainers"][1]["name"], "scanflow-sidecar");
  expect_refused({"inject", "-f", file, "--to", to + "/below/x"}, to + "/below/x");
}

TEST_F(InjectProgram, SettingsAreOptionsAndAnnotationsGoOverThem) {
  const std::string file = scanflow_.files().write(
      "app.yaml", kPod + "---\n" +
                      std::string(kPod).insert(kPod.find("labels"),
                                               "annotations: {scanflow.dev/image: \"own:1\"}, "));
  const Output output =
      scanflow_({"inject", "-f", file, "--image", "site:2", "--shape", "plain", "-o", "json"});
  const json items = json::parse(output.out)["items"];
  EXPECT_EQ(items[0]["spec"]["containers"][1]["image"], "site:2");
  EXPECT_EQ(items[1]["spec"]["containers"][1]["image"], "own:1");
  expect_refused({"inject", "-f", file, "--shape", "round"},
                 "--shape: 'round' is not allowed; it takes native or plain");
  expect_refused({"inject", "-f", file, "--memory-limit", "8Mi"},
                 "memory-request 16Mi is more than memory-limit 8Mi");
  expect_refused({"inject", "-f", file, "-n", "No"}, "'No' is not the name of a namespace");
}

TEST_F(InjectProgram, HelpNamesEverySetting) {
  const std::string help = scanflow_({"inject", "--help"}).out;
  for (const char* option : {"--shape {native,plain}", "--hub tcp://HOST:PORT", "--memory-limit",
                             "--containers", "--rules", "--filename FILE|DIR|-", "--to FILE"})
    EXPECT_THAT(help, HasSubstr(option));
  EXPECT_THAT(help, Not(HasSubstr("`")));
}

TEST_F(InjectProgram, WhatIsNotThereIsAnErrorOfUsage) {
  const TempDir empty;
  expect_refused({"inject"}, "--filename");
  expect_refused({"inject", "-f", (empty / "absent.yaml").string()}, "absent.yaml");
  expect_refused({"uninject", "-f", empty.path().string()},
                 "there is no *.yaml, *.yml or *.json in the directory " + empty.path().string());
}

TEST_F(InjectProgram, AllErrorsOfAllFilesAreSaidAndNothingIsWritten) {
  const std::string good = scanflow_.files().write("good.yaml", kPod);
  const std::string bad = scanflow_.files().write(
      "bad.yaml",
      "a: [1\n---\n" + std::string(kPod).insert(kPod.find("labels"),
                                                "annotations: {scanflow.dev/grace: soon}, "));
  const std::string to = (scanflow_.files() / "out.yaml").string();
  const Output output = scanflow_({"inject", "-f", good, "-f", bad, "--to", to});
  EXPECT_EQ(output.exit, 2);
  EXPECT_THAT(output.err, HasSubstr("error: " + bad + ":2:1: not valid YAML"));
  EXPECT_THAT(output.err,
              HasSubstr("error: " + bad + ":3: Pod app: the annotation scanflow.dev/grace: "));
  EXPECT_THAT(output.err, HasSubstr("\nnothing was written\n"));
  EXPECT_FALSE(std::filesystem::exists(to));
}

TEST_F(InjectProgram, RefusesWhatIsTooBigOrNoText) {
  const std::string big = (scanflow_.files() / "big.yaml").string();
  std::ofstream(big) << "a: b\n";
  std::filesystem::resize_file(big, 100'000'000);
  expect_refused({"inject", "-f", big}, "big.yaml has more than 64 MiB");
  expect_refused({"inject", "-f", "/dev/zero"}, "/dev/zero has more than 64 MiB");
  const std::string binary = scanflow_.files().write("binary.yaml", "a: 1\nb: \xff\n");
  expect_refused({"inject", "-f", binary}, "binary.yaml:2:4: no UTF-8 text");
}

TEST_F(InjectProgram, ManyDocumentsInOneGo) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "---\n" + kPod;
  const std::string file = scanflow_.files().write("many.yaml", text);
  const Output output = scanflow_({"inject", "-f", file, "-q"});
  EXPECT_EQ(output.exit, 0);
  std::size_t count = 0;
  for (std::size_t at = 0;
       (at = output.out.find("- name: scanflow-sidecar\n", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 2000U);
}

}  // namespace
}  // namespace scanflow::test
