// kind: InferenceService: what is read, and what is refused where.
#include "engine/pipeline/service_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const loader::Catalog& with_online_plugins() {
  static const loader::Catalog kAll = [] {
    loader::Catalog all = test::catalog();
    for (const bool takes_model : {true, false}) {
      loader::PluginInfo plugin;
      plugin.id = takes_model ? "net.predict" : "image.prepare";
      plugin.serves = true;
      plugin.config_schema = {{"type", "object"}};
      plugin.input_schema = json::object();
      if (takes_model) plugin.input_schema["properties"]["model"] = {{"type", "string"}};
      all.add(std::move(plugin));
    }
    return all;
  }();
  return kAll;
}

/// Line 4 is the graph.
ReadServiceResult read_text(const std::string& body, std::string& text) {
  text = "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: digits}\n" + body;
  return read_service("s.yaml", text, with_online_plugins());
}

constexpr const char* kGraph =
    "graph: [{name: pre, uses: image.prepare}, {name: net, needs: pre, uses: net.predict, model: "
    "m.pt}]\n";

ServiceSpec service(const std::string& more) {
  std::string text;
  const ReadServiceResult read = read_text(kGraph + more, text);
  EXPECT_EQ(render(read.errors, text), "");
  return read.service ? *read.service : ServiceSpec();
}

std::string said(const std::string& more) {
  std::string text;
  const ReadServiceResult read = read_text(kGraph + more, text);
  EXPECT_EQ(read.service == nullptr, !read.errors.empty());
  return render(read.errors, text);
}

TEST(ServiceReader, WithoutMaxTheNumberOfProcessesIsFixed) {
  const ServiceSpec none = service("");
  EXPECT_EQ(none.replicas, 1U);
  EXPECT_EQ(none.most_replicas, 1U);
  const ServiceSpec three = service("scaling: {min: 3}\n");
  EXPECT_EQ(three.replicas, 3U);
  EXPECT_EQ(three.most_replicas, 3U);
}

TEST(ServiceReader, ScalingHasDefaults) {
  const ServiceSpec plain = service("scaling: {max: 4}\n");
  EXPECT_EQ(plain.replicas, 1U);
  EXPECT_EQ(plain.most_replicas, 4U);
  EXPECT_EQ(plain.scaling_target, 8);
  EXPECT_EQ(plain.scaling_stabilization_us, 30'000'000);
  const ServiceSpec all =
      service("scaling: {min: 2, max: 2, metric: in_flight, target: 0.5, stabilization: 0s}\n");
  EXPECT_EQ(all.most_replicas, 2U);
  EXPECT_EQ(all.scaling_target, 0.5);
  EXPECT_EQ(all.scaling_stabilization_us, 0);
}

TEST(ServiceReader, ScalingThatIsWrongSaysWhereAndWhatToDo) {
  EXPECT_THAT(said("scaling: {min: 3, max: 2}\n"),
              AllOf(HasSubstr("s.yaml:5:24: error: 'max' is 2, below 'min', which is 3"),
                    HasSubstr("write 3 or more")));
  EXPECT_THAT(said("scaling: {max: 0}\n"), HasSubstr("s.yaml:5:16: error: 'max': 0 is below"));
  EXPECT_THAT(said("scaling: {max: 3, target: 0}\n"),
              HasSubstr("s.yaml:5:27: error: 'target' must be above 0"));
  EXPECT_THAT(said("scaling: {max: 3, metric: cpu}\n"),
              AllOf(HasSubstr("s.yaml:5:27: error: 'cpu' is not a value of 'metric'"),
                    HasSubstr("in_flight")));
  EXPECT_THAT(said("scaling: {max: 3, stabilization: 30}\n"), HasSubstr("has no unit"));
  EXPECT_THAT(said("scaling: {max: 3, stabilization: 2h}\n"), HasSubstr("above the maximum 1 h"));
  EXPECT_THAT(said("scaling: {max: 3, maximum: 3}\n"), HasSubstr("unknown field 'maximum'"));
  for (const std::string field : {"metric: in_flight", "target: 4", "stabilization: 10s"}) {
    EXPECT_THAT(said("scaling: {min: 2, " + field + "}\n"),
                AllOf(HasSubstr("s.yaml:5:19: error: '" + field.substr(0, field.find(':')) +
                                "' does nothing without 'max'"),
                      HasSubstr("add max: 4")));
  }
}

TEST(ServiceReader, NodesThatAreWrongSayWhere) {
  const auto graph = [](const std::string& nodes) {
    std::string text;
    const auto read = read_text("graph: [" + nodes + "]\n", text);
    return render(read.errors, text);
  };
  EXPECT_THAT(graph("{name: Net, uses: image.prepare}"),
              HasSubstr("s.yaml:4:16: error: 'Net' is not the name of a node"));
  EXPECT_THAT(
      graph("{name: a, uses: image.prepare}, {name: b, needs: [a, a], uses: image.prepare}"),
      HasSubstr("s.yaml:4:62: error: 'a' is needed twice"));
  EXPECT_THAT(graph("{name: a, uses: net.predict, model: '${{ params.model }}'}"),
              AllOf(HasSubstr("s.yaml:4:45: error: 'model' cannot hold an expression"),
                    HasSubstr("write the value")));
  EXPECT_THAT(graph("{name: a, uses: image.prepare, with: {x: [1, '${{ 1 }}']}}"),
              HasSubstr("'with' cannot hold an expression"));
}

TEST(ServiceReader, ErrorsAreAShare) {
  EXPECT_EQ(service("").slo_errors, 0);
  EXPECT_DOUBLE_EQ(service("slo: {errors: 0.1%}\n").slo_errors, 0.001);
  EXPECT_DOUBLE_EQ(service("slo: {errors: 0.001}\n").slo_errors, 0.001);
  EXPECT_DOUBLE_EQ(service("slo: {p99: 50ms, errors: 5%}\n").slo_errors, 0.05);
}

TEST(ServiceReader, ErrorsThatAreNoShareSayWhatToWrite) {
  EXPECT_THAT(said("slo: {errors: 0}\n"),
              AllOf(HasSubstr("s.yaml:5:15: error: 'errors' must be above 0"),
                    HasSubstr("write 0.1%, or 0.001")));
  EXPECT_THAT(said("slo: {errors: 100%}\n"),
              AllOf(HasSubstr("s.yaml:5:15: error: 'errors' must be below 1"),
                    HasSubstr("write 0.1%, or 0.001")));
  EXPECT_THAT(said("slo: {errors: 1}\n"), HasSubstr("must be below 1"));
  for (const std::string wrong : {"few", "-1%", "\"%\"", ".nan", "0.1%%", "1/1000"})
    EXPECT_THAT(said("slo: {errors: " + wrong + "}\n"), HasSubstr("s.yaml:5:15")) << wrong;
  EXPECT_THAT(said("slo: {errors: few}\n"), HasSubstr("'few' is not a share (0.1%, or 0.001)"));
}

TEST(ServiceReader, ABackupStandsInForTheOnlyModel) {
  EXPECT_FALSE(service("").backup);
  for (const std::string node : {"", ", node: net", ", when: not_ready"}) {
    const ServiceSpec spec = service("backup: {model: \"models:/net/1\"" + node + "}\n");
    ASSERT_TRUE(spec.backup);
    EXPECT_EQ(spec.backup->node, "net");
    EXPECT_EQ(spec.backup->version.model, "models:/net/1");
  }
}

TEST(ServiceReader, ABackupThatIsWrongSaysWhereAndWhatToDo) {
  EXPECT_THAT(said("backup: {node: net}\n"), HasSubstr("s.yaml:5:9: error: backup has no 'model'"));
  EXPECT_THAT(said("backup: {model: b.pt, node: nett}\n"),
              AllOf(HasSubstr("s.yaml:5:29: error: unknown node 'nett'"),
                    HasSubstr("did you mean 'net'?")));
  EXPECT_THAT(said("backup: {model: b.pt, node: pre}\n"),
              AllOf(HasSubstr("s.yaml:5:29: error: the node 'pre' has no model"),
                    HasSubstr("name a node that has one")));
  EXPECT_THAT(said("backup: {model: b.pt, when: slow}\n"),
              AllOf(HasSubstr("s.yaml:5:29"), HasSubstr("not_ready")));
  EXPECT_THAT(said("backup: {model: \"\"}\n"), HasSubstr("'model' is empty"));
  std::string text;
  const auto two = read_text(
      "graph: [{name: a, uses: net.predict, model: m.pt}, {name: b, uses: net.predict, traffic: "
      "[{model: m.pt}]}]\nbackup: {model: b.pt}\n",
      text);
  EXPECT_THAT(render(two.errors, text), AllOf(HasSubstr("s.yaml:5:1: error: 2 nodes have a model"),
                                              HasSubstr("add node: a or b")));
  const auto none =
      read_text("graph: [{name: a, uses: image.prepare}]\nbackup: {model: b.pt}\n", text);
  EXPECT_THAT(render(none.errors, text), HasSubstr("s.yaml:5:1: error: no MODEL node has a model"));
}

std::string said_of_node(const std::string& fields) {
  std::string text;
  const ReadServiceResult read = read_text("graph: [{name: net, " + fields + "}]\n", text);
  return render(read.errors, text);
}

TEST(ServiceReader, ANodeIsServedByAContainer) {
  std::string text;
  const auto read = read_text(
      "graph:\n  - name: iris\n    container:\n      image: registry.local/iris:1\n"
      "      args: [--model, 3]\n      env: {LEVEL: 2}\n      port: 8123\n"
      "      resources: {cpu: 500m, memory: 1Gi}\n",
      text);
  ASSERT_TRUE(read.service) << render(read.errors, text);
  const ServiceContainer& container = read.service->graph[0].container.value();
  EXPECT_EQ(container.image, "registry.local/iris:1");
  EXPECT_EQ(container.args, (std::vector<std::string>{"--model", "3"}));
  EXPECT_EQ(container.env.at("LEVEL"), "2");
  EXPECT_EQ(container.port, 8123);
  EXPECT_EQ(container.model, "iris") << "as the node";
  EXPECT_EQ(container.cpus, 0.5);
  EXPECT_EQ(container.memory, 1U << 30);
}

TEST(ServiceReader, ContainersOfOneGraphHavePortsOfTheirOwn) {
  std::string text;
  const auto read = read_text(
      "graph:\n  - {name: a, container: {image: x}}\n  - {name: b, container: {image: x}}\n"
      "  - {name: c, container: {image: x, port: 8080}}\n",
      text);
  const std::string errors = render(read.errors, text);
  EXPECT_THAT(errors,
              HasSubstr("the container of 'b' listens at port 9000, as the container of 'a'"));
  EXPECT_THAT(errors, HasSubstr("'c' listens at port 8080, as the service itself does"));
}

TEST(ServiceReader, ANodeIsServedByOneThing) {
  EXPECT_EQ(said_of_node("url: \"http://10.0.0.7:8080/v2/models/iris\""), "");
  EXPECT_THAT(said_of_node("type: MODEL"), HasSubstr("the node does not say what serves it"));
  EXPECT_THAT(said_of_node("uses: image.prepare, url: \"http://a/v2/models/b\""),
              HasSubstr("the node has 'uses' already"));
  EXPECT_THAT(said_of_node("url: \"http://a/v2/models/b\", model: m.pt"),
              AllOf(HasSubstr("'model' is for plugins; this node has a 'url'"),
                    HasSubstr("remove it: the server there has its model")));
  EXPECT_THAT(said_of_node("container: {image: a}, with: {x: 1}"),
              HasSubstr("'with' is for plugins; this node has a 'container'"));
  for (const char* url :
       {"a", "https://a/v2/models/b", "http://a/v2/models/", "http:///v2/models/b",
        "http://a:x/v2/models/b", "http://a:70000/v2/models/b"})
    EXPECT_THAT(said_of_node(std::string("url: \"") + url + "\""),
                HasSubstr("'url': it is not http://HOST:PORT/v2/models/NAME"));
  EXPECT_THAT(said_of_node("container: {image: a, env: {A: [1]}}"),
              HasSubstr("env.A must be text"));
}

}  // namespace
}  // namespace scanflow::pipeline
