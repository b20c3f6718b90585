#include "tests/unit/pipeline/schema_support.hpp"

#include "tests/support/program.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline::test {
namespace {

constexpr const char* kPython = "/usr/bin/python3";

}  // namespace

std::vector<std::string> by_schema(const nlohmann::ordered_json& schema,
                                   const nlohmann::json& documents) {
  const scanflow::test::TempDir files;
  const auto output =
      scanflow::test::Program({kPython, SCANFLOW_SOURCE_DIR "/tests/unit/pipeline/validate.py",
                               files.write("schema", schema.dump()),
                               files.write("documents", documents.dump())})
          .wait();
  EXPECT_EQ(output.exit, 0) << output.err;
  std::vector<std::string> said(documents.size(), "not validated");
  if (output.exit == 0) json::parse(output.out).get_to(said);
  EXPECT_EQ(said.size(), documents.size());
  return said;
}

std::string by_reader(const nlohmann::json& document) {
  const std::string text = document.dump();
  const auto find = [](const std::string& call, const Calling&) -> Result<SourceText> {
    return SourceText{call,
                      "{apiVersion: scanflow.dev/v1, kind: Pipeline, metadata: {name: called}, "
                      "steps: [{name: a, uses: noop}]}"};
  };
  return render(read_pipeline("test.yaml", text, catalog(), find).errors, text);
}

void WithValidator::SetUp() {
  if (scanflow::test::Program({kPython, "-c", "import jsonschema"}).wait().exit != 0) {
    GTEST_SKIP() << "python3-jsonschema is not installed";
  }
}

}  // namespace scanflow::pipeline::test
