#include "engine/pipeline/difference.hpp"

#include <gtest/gtest.h>

#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline {
namespace {

using Texts = std::vector<std::string>;

json document(const std::string& text) { return read_yaml_value("p.yaml", text).value(); }

TEST(Difference, NamesStepsParametersAndFields) {
  const json before = document(R"yaml(
metadata: {name: p}
params: {n: 3, gone: 1, kept: {type: int}}
timeout: 1h
steps:
  - {name: a, run: one, timeout: 1m}
  - {name: b, run: two}
  - {name: same, uses: noop}
)yaml");
  const json now = document(R"yaml(
metadata: {name: p}
params: {n: 4, kept: {type: int, min: 1}, more: x}
fail_fast: true
steps:
  - {name: same, uses: noop}
  - {name: a, run: another, timeout: 2m, retry: 1}
on_exit: [{name: c, uses: noop}]
)yaml");
  EXPECT_EQ(
      differences(before, now),
      (Texts{"step 'a' changed (retry, run, timeout)", "step 'b' removed", "step 'c' added",
             "parameter 'gone' removed", "parameter 'kept' changed (min)", "parameter 'more' added",
             "parameter 'n' changed", "field 'fail_fast' added", "field 'timeout' removed"}));
  EXPECT_EQ(differences(before, before), Texts{});
}

TEST(Difference, StandsWhatIsNoPipeline) {
  EXPECT_EQ(differences(document("[1]"), document("steps: 3")), Texts{});
  EXPECT_EQ(differences(document("steps: [3, {name: []}]"), json()), Texts{});
}

}  // namespace
}  // namespace scanflow::pipeline
