#include "tests/durability/scenarios.hpp"

#include <stdexcept>

namespace scanflow::test {
namespace {

/// `rest` with $START replaced by what says that a step starts.
std::string pipeline(const std::string& name, std::string rest) {
  const std::string mark = "$START";
  const std::string start = "echo $SCANFLOW_RUN $SCANFLOW_STEP $SCANFLOW_ATTEMPT >> $EVIDENCE";
  for (std::size_t at = rest.find(mark); at != std::string::npos; at = rest.find(mark, at))
    rest.replace(at, mark.size(), start);
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + "}\n" + rest;
}

constexpr const char* kChain = R"yaml(
steps:
  - name: a
    run: |
      $START
      echo one > "$SCANFLOW_ARTIFACTS/text"
      echo "n=1" >> "$SCANFLOW_OUTPUT"
  - name: b
    needs: [a]
    with: {text: "${{ steps.a.artifacts.text }}"}
    run: |
      $START
      sleep 0.02
      cat "$SCANFLOW_INPUT_TEXT" > "$SCANFLOW_ARTIFACTS/copy"
      echo "n=$(( ${{ steps.a.outputs.n }} + 1 ))" >> "$SCANFLOW_OUTPUT"
  - name: c
    needs: [b]
    run: |
      $START
      echo "n=$(( ${{ steps.b.outputs.n }} + 1 ))" >> "$SCANFLOW_OUTPUT"
outputs: {n: "${{ steps.c.outputs.n }}"}
on_exit:
  - {name: clean, run: "$START"}
)yaml";

constexpr const char* kFan = R"yaml(
steps:
  - {name: split, run: "$START\necho seed=7 >> $SCANFLOW_OUTPUT"}
  - name: part
    needs: [split]
    matrix: {x: [1, 2], y: [a, b, c]}
    pool: {name: two, limit: 2}
    run: |
      $START
      sleep 0.0${{ matrix.x }}
      head -c 100000 /dev/zero | tr '\0' ${{ matrix.y }} > "$SCANFLOW_ARTIFACTS/data"
      echo "n=${{ matrix.x }}" >> "$SCANFLOW_OUTPUT"
  - name: join
    needs: [part]
    run: |
      $START
      echo "n=${{ sum(collect(steps.part, 'outputs.n')) }}" >> "$SCANFLOW_OUTPUT"
)yaml";

constexpr const char* kRetries = R"yaml(
defaults:
  retry: {limit: 3, backoff: {initial: 20ms, factor: 2, jitter: 0.2}}
steps:
  - name: flaky
    run: |
      $START
      [ "$SCANFLOW_ATTEMPT" -ge 3 ]
  - name: hangs
    retry: {limit: 5, on: [timeout], backoff: {initial: 10ms}}
    timeout: 150ms
    run: |
      $START
      [ "$SCANFLOW_ATTEMPT" -ge 2 ] || sleep 1000
  - {name: lint, run: "$START\nexit 1", retry: 0, allow_failure: true}
  - {name: after, needs: [flaky, hangs, lint], run: "$START"}
  - {name: never, needs: [after], when: "${{ steps.lint.status == 'succeeded' }}", run: "$START"}
)yaml";

constexpr const char* kFailure = R"yaml(
fail_fast: true
steps:
  - {name: long, run: "$START\nexec sleep 1000"}
  - {name: bad, run: "$START\nsleep 0.03; exit 7"}
  - {name: next, needs: [bad], run: "$START"}
on_failure: [{name: mourn, run: "$START"}]
on_exit: [{name: clean, run: "$START"}]
)yaml";

constexpr const char* kForEach = R"yaml(
steps:
  - {name: list, run: "$START\necho 'items=[3, 4, 5, 6]' >> $SCANFLOW_OUTPUT"}
  - name: square
    needs: [list]
    for_each: "${{ steps.list.outputs.items }}"
    max_parallel: 2
    when: "${{ item ~= 5 }}"
    run: |
      $START
      echo "n=$(( ${{ item }} * ${{ item }} ))" >> "$SCANFLOW_OUTPUT"
  - name: add
    needs: [square]
    run: |
      $START
      echo "sum=${{ sum(collect(steps.square, 'outputs.n')) }}" >> "$SCANFLOW_OUTPUT"
)yaml";

constexpr const char* kApproval = R"yaml(
steps:
  - {name: measure, run: "$START"}
  - name: gate
    needs: [measure]
    approve: {message: "go on?", timeout: 150ms, default: approve}
    run: "$START"
  - {name: refuse, approve: {timeout: 50ms, default: reject}, allow_failure: true}
  - {name: after, needs: [gate, refuse], run: "$START"}
)yaml";

constexpr const char* kCalls = R"yaml(
steps:
  - {name: data, run: "$START\nseq 10 > $SCANFLOW_ARTIFACTS/numbers"}
  - name: count
    needs: [data]
    pipeline: inner.yaml
    matrix: {digit: [1, 2]}
    with: {numbers: "${{ steps.data.artifacts.numbers }}", digit: "${{ matrix.digit }}"}
  - name: add
    needs: [count]
    run: |
      $START
      echo "sum=${{ sum(collect(steps.count, 'outputs.lines')) }}" >> "$SCANFLOW_OUTPUT"
outputs: {sum: "${{ steps.add.outputs.sum }}"}
)yaml";

constexpr const char* kInner = R"yaml(
params: {numbers: {type: artifact}, digit: {type: int}}
steps:
  - name: grep
    with: {numbers: "${{ params.numbers }}"}
    run: |
      $START
      echo "lines=$(grep -c ${{ params.digit }} "$SCANFLOW_INPUT_NUMBERS")" >> "$SCANFLOW_OUTPUT"
  - {name: after, needs: [grep], run: "$START"}
outputs: {lines: "${{ steps.grep.outputs.lines }}"}
)yaml";

constexpr const char* kPlugin = R"yaml(
steps:
  - {name: weights, run: "$START\necho weights > $SCANFLOW_ARTIFACTS/model"}
  - {name: draw, uses: digits.generate, with: {count: 20}}
  - {name: greet, needs: [weights], matrix: {name: [ada, bo]}, uses: hello, with: {name: "${{ matrix.name }}"}}
  - name: register
    needs: [weights, greet, draw]
    uses: model.register
    with: {name: m, model: "${{ steps.weights.artifacts.model }}"}
  - {name: after, needs: [register], run: "$START"}
)yaml";

constexpr const char* kCache = R"yaml(
steps:
  - name: prepare
    cache: true
    run: |
      $START
      seq 10 > "$SCANFLOW_ARTIFACTS/numbers"
  - name: again
    needs: [prepare]
    matrix: {i: [1, 2]}
    cache: true
    with: {numbers: "${{ steps.prepare.artifacts.numbers }}"}
    run: |
      $START
      echo "lines=$(wc -l < "$SCANFLOW_INPUT_NUMBERS")" >> "$SCANFLOW_OUTPUT"
)yaml";

constexpr const char* kBulky = R"yaml(
steps:
  - name: part
    matrix: {x: [a, b, c]}
    run: |
      $START
      set -e
      head -c 100000 /dev/zero | tr '\0' ${{ matrix.x }} > "$SCANFLOW_ARTIFACTS/data"
      yes ${{ matrix.x }} | head -c 30000
      echo "n=1" >> "$SCANFLOW_OUTPUT"
  - name: join
    needs: [part]
    with: {a: "${{ collect(steps.part, 'artifacts.data')[1] }}"}
    run: |
      $START
      set -e
      echo "n=${{ sum(collect(steps.part, 'outputs.n')) }} bytes=$(wc -c < "$SCANFLOW_INPUT_A")" >> "$SCANFLOW_OUTPUT"
)yaml";

constexpr const char* kShort = R"yaml(
steps:
  - {name: a, run: "$START"}
  - {name: b, needs: [a], run: "$START\necho x=1 >> $SCANFLOW_OUTPUT"}
  - {name: c, needs: [b], uses: noop}
)yaml";

constexpr const char* kGroup = R"yaml(
concurrency: {group: g, max: 1, policy: queue}
steps:
  - {name: first, pool: one, run: "$START\nsleep 0.03"}
  - {name: second, needs: [first], pool: one, run: "$START\necho x=1 >> $SCANFLOW_OUTPUT"}
)yaml";

Scenario make(const std::string& name, const char* text, const std::string& status = "succeeded") {
  return {name, {{"main.yaml", pipeline(name, text)}}, status};
}

Scenario calls() {
  Scenario made = make("calls", kCalls);
  made.files["inner.yaml"] = pipeline("inner", kInner);
  return made;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      make("chain", kChain),
      make("fan", kFan),
      make("retries", kRetries),
      make("failure", kFailure, "failed"),
      make("for-each", kForEach),
      make("approval", kApproval),
      calls(),
      make("plugin", kPlugin),
      make("cache", kCache),
      make("group", kGroup),
      make("bulky", kBulky),
      make("short", kShort),
  };
  return all;
}

const Scenario& scenario(const std::string& name) {
  for (const Scenario& each : scenarios()) {
    if (each.name == name) return each;
  }
  throw std::logic_error("no scenario " + name);
}

}  // namespace scanflow::test
