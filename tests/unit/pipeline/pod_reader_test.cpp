// The fields of a step that say what its Pod is like, and the program in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using test::errors;
using test::read;
using testing::HasSubstr;

TEST(PodReader, ReadsImageCommandAndWhatIsKept) {
  const auto pipeline = read(R"(
params: {days: 7}
defaults: {image: "base:1", reuse: true, shell: sh}
steps:
  - name: a
    image: "app:2"
    command: [python3, -c]
    args: [print(1), 2, "${{ params.days }}"]
    pod_template: {nodeSelector: {gpu: "yes"}, securityContext: {runAsUser: 1000, runAsGroup: ~}, tolerations: ~}
    reuse: {idle: 1m, uses: 3, age: 2h}
  - {name: b, run: echo}
  - {name: c, run: echo, reuse: false}
)");
  const Step& a = pipeline->steps[0];
  EXPECT_EQ(a.uses, "command");
  EXPECT_EQ(a.image, "app:2");
  EXPECT_EQ(a.with["argv"], json({"python3", "-c", "print(1)", "2", "${{ params.days }}"}));
  EXPECT_TRUE(a.with_is_dynamic);
  EXPECT_FALSE(a.with.contains("shell")) << "a default for scripts";
  EXPECT_EQ(a.pod["securityContext"]["runAsUser"], 1000);
  EXPECT_TRUE(a.reuse.enabled);
  EXPECT_EQ(a.reuse.idle_us, 60'000'000);
  EXPECT_EQ(a.reuse.uses, 3u);
  EXPECT_EQ(a.reuse.age_us, 7'200'000'000);
  const Step& b = pipeline->steps[1];
  EXPECT_EQ(b.image, "base:1");
  EXPECT_TRUE(b.reuse.enabled);
  EXPECT_EQ(b.reuse.uses, 100u);
  EXPECT_FALSE(pipeline->steps[2].reuse.enabled);
}

TEST(PodReader, ADefaultCommandIsForStepsThatSayNothingElse) {
  const auto pipeline = read(R"(
defaults: {command: ["true"]}
steps:
  - {name: a}
  - {name: b, run: echo}
  - {name: c, uses: noop}
)");
  EXPECT_EQ(pipeline->steps[0].with["argv"], json({"true"}));
  EXPECT_TRUE(pipeline->steps[1].with.contains("run"));
  EXPECT_EQ(pipeline->steps[2].uses, "noop");
}

TEST(PodReader, AStepsVolumesTakeThePlaceOfTheDefaults) {
  const auto pipeline = read(R"(
defaults: {volumes: [{path: /data, host_path: /srv/digits, read_only: true}]}
steps:
  - {name: a, run: echo}
  - name: b
    run: echo
    volumes:
      - {path: /cache, claim: weights}
      - {path: /scratch, size: 10Gi}
      - {path: /room}
)");
  EXPECT_EQ(pipeline->steps[0].volumes,
            json::parse(R"([{"path": "/data", "host_path": "/srv/digits", "read_only": true}])"));
  EXPECT_EQ(pipeline->steps[1].volumes, json::parse(R"([{"path": "/cache", "claim": "weights"},
                            {"path": "/scratch", "bytes": 10737418240}, {"path": "/room"}])"));
}

TEST(PodReader, SaysWhatIsWrongWithAVolume) {
  const auto said = [](const std::string& volumes) {
    return errors("steps: [{name: a, run: echo, volumes: [" + volumes + "]}]");
  };
  EXPECT_THAT(said("{host_path: /a}"), HasSubstr("'path'"));
  EXPECT_THAT(said("/data"), HasSubstr("must be a map"));
  for (const char* path : {"data", "/data/../x", "/data/", "/", "//data"})
    EXPECT_THAT(said(fmt::format("{{path: {}}}", path)), HasSubstr("absolute path")) << path;
  EXPECT_THAT(said("{path: /tmp/x}"), HasSubstr("is where /tmp is mounted already"));
  EXPECT_THAT(said("{path: /run}"), HasSubstr("is where /run/scanflow is mounted already"));
  EXPECT_THAT(said("{path: /d, host_path: srv}"), HasSubstr("'srv' is no absolute path"));
  EXPECT_THAT(said("{path: /d, host_path: /srv, claim: c}"), HasSubstr("only one of"));
  EXPECT_THAT(said("{path: /d, claim: 'A B'}"), HasSubstr("'A B' is no name of a claim"));
  EXPECT_THAT(said("{path: /d, size: 0}"), HasSubstr("size"));
  EXPECT_THAT(said("{path: /d}, {path: /d}"), HasSubstr("two volumes are mounted at '/d'"));
  EXPECT_THAT(said("{path: /d, hostPath: /srv}"), HasSubstr("did you mean 'host_path'?"));
}

TEST(PodReader, ReadsWhereItsPodIsPutAndItsDevices) {
  const auto pipeline = read(R"(
defaults: {pod_template: {priorityClassName: batch}, resources: {devices: {nvidia.com/gpu: 1}}}
steps:
  - name: a
    run: echo
    placement:
      node_selector: {zone: a}
      tolerations: [{key: gpu, operator: Exists}]
      spread: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
    resources: {limits: {cpu: 2}, devices: {example.org/fpga.v2: 3}}
)");
  const Step& a = pipeline->steps[0];
  EXPECT_EQ(a.pod, json::parse(R"({"priorityClassName": "batch", "nodeSelector": {"zone": "a"},
      "tolerations": [{"key": "gpu", "operator": "Exists"}], "topologySpreadConstraints":
      [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]})"));
  EXPECT_EQ(a.resources.devices, (std::map<std::string, std::uint32_t>{
                                     {"nvidia.com/gpu", 1}, {"example.org/fpga.v2", 3}}));
}

TEST(PodReader, SaysWhatIsWrongWithPlacementAndDevices) {
  const auto said = [](const std::string& fields) {
    return errors("steps: [{name: a, run: echo, " + fields + "}]");
  };
  EXPECT_THAT(said("placement: {nodeSelector: {a: b}}"),
              HasSubstr("did you mean 'node_selector'?"));
  EXPECT_THAT(said("placement: {tolerations: [{operator: Like}]}"), HasSubstr("Exists"));
  EXPECT_THAT(said("placement: {node_selector: {a: \"${{ params.x }}\"}}"),
              HasSubstr("'placement' cannot hold an expression"));
  EXPECT_THAT(said("placement: {spread: []}, pod_template: {topologySpreadConstraints: []}"),
              HasSubstr("'placement.spread' is 'pod_template.topologySpreadConstraints' too"));
  EXPECT_THAT(errors("steps: [{name: a, pipeline: p.yaml, placement: {}}]"),
              HasSubstr("a step that calls a pipeline has no 'placement'"));
  for (const char* device : {"gpu", "nvidia.com/", "/gpu", "Nvidia.com/gpu", "nvidia.com/gpu-"})
    EXPECT_THAT(said(fmt::format("resources: {{devices: {{{}: 1}}}}", device)),
                HasSubstr("is no device"))
        << device;
  EXPECT_THAT(said("resources: {devices: {nvidia.com/gpu: 0}}"), HasSubstr("nvidia.com/gpu"));
  EXPECT_THAT(said("resources: {devices: {nvidia.com/gpu: one}}"), HasSubstr("nvidia.com/gpu"));
}

TEST(PodReader, SaysWhatDoesNotGoTogether) {
  EXPECT_THAT(errors("steps: [{name: a, run: echo, command: [x]}]"),
              HasSubstr("a step has one of 'uses', 'run' and 'command'"));
  EXPECT_THAT(errors("steps: [{name: a, run: echo, args: [x]}]"),
              HasSubstr("'args' goes with 'command'"));
  EXPECT_THAT(errors("steps: [{name: a, command: [x], with: {argv: [y]}}]"),
              HasSubstr("the program is given twice"));
  EXPECT_THAT(errors("steps: [{name: a, command: []}]"), HasSubstr("command"));
  EXPECT_THAT(errors("steps: [{name: a, command: x}]"), HasSubstr("list"));
  EXPECT_THAT(errors("steps: [{name: a, run: echo, reuse: {uses: 0}}]"), HasSubstr("uses"));
  EXPECT_THAT(errors("steps: [{name: a, run: echo, reuse: {idle: 0s}}]"),
              HasSubstr("reuse: false"));
  EXPECT_THAT(errors("steps: [{name: a, run: echo, pod_template: {restartPolicy: Always}}]"),
              HasSubstr("'pod_template.restartPolicy' is not for a step to set"));
  EXPECT_THAT(errors("steps: [{name: a, pipeline: p.yaml, image: x}]"),
              HasSubstr("a step that calls a pipeline has no 'image'"));
}

}  // namespace
}  // namespace scanflow::pipeline
