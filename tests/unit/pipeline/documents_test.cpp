// Several documents of several texts: where each stands, and what they may call.
#include "engine/pipeline/documents.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "engine/pipeline/reference.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using testing::HasSubstr;

std::string pipeline(const std::string& metadata, const std::string& step = "uses: noop") {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {" + metadata +
         "}\nsteps: [{name: a, " + step + "}]\n";
}

Result<SourceText> nothing(const std::string& call, const Calling&) {
  return fail("there is no " + call);
}

Documents read(const std::vector<SourceText>& texts, const std::string& name_space = "",
               const FindPipeline& find = nothing) {
  return read_documents(texts, test::catalog(), find, name_space);
}

TEST(Documents, OfSeveralTextsComeInTheirOrder) {
  const Documents documents =
      read({{"a.yaml", pipeline("name: one, labels: {team: a}") + "---\n" + pipeline("name: two")},
            {"b.yaml", pipeline("name: three, namespace: other")}});
  ASSERT_EQ(documents.rendered, "");
  ASSERT_EQ(documents.all.size(), 3u);
  EXPECT_EQ(documents.all[0].labels.at("team"), "a");
  EXPECT_EQ(documents.all[1].name, "two");
  EXPECT_EQ(documents.all[1].kind, "Pipeline");
  EXPECT_EQ(documents.all[1].file, "a.yaml");
  EXPECT_EQ(documents.all[1].text, pipeline("name: two"));
  EXPECT_EQ(documents.all[2].name_space, "other");
}

TEST(Documents, KeepTheirOwnTextAndNoMore) {
  const std::string one = pipeline("name: one"), two = pipeline("name: two");
  const auto texts = [](const std::string& text) {
    std::vector<std::string> all;
    const Documents documents = read({{"a.yaml", text}});
    EXPECT_EQ(documents.rendered, "");
    for (const Document& each : documents.all) all.push_back(each.text);
    return all;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts(one + "---\n" + two), (Texts{one, two}));
  EXPECT_EQ(texts("---\n" + one + "...\n---\n---\n" + two + "---\n# the end\n"), (Texts{one, two}));
  EXPECT_EQ(texts("# about\n%YAML 1.2\n---\n" + one), (Texts{"# about\n%YAML 1.2\n---\n" + one}));
  EXPECT_EQ(texts("--- # first\n" + one), (Texts{"--- # first\n" + one}));
  EXPECT_EQ(texts("# about\n" + one + "---\n# more\n" + two),
            (Texts{"# about\n" + one, "# more\n" + two}));
  EXPECT_EQ(texts(one.substr(0, one.size() - 1)), (Texts{one})) << "its last line has an end";
  std::string windows;
  for (const char c : one) windows += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(texts(windows), (Texts{one}));
  const std::string block = pipeline("name: b", "run: \"echo\\n---\\n\"") + "# ---\n";
  EXPECT_EQ(texts(block + "---\n" + two), (Texts{block, two}));
}

TEST(Documents, ErrorsHaveTheirPlaceInTheFileAndComeInOneGo) {
  const Documents documents =
      read({{"a.yaml", pipeline("name: one") + "---\n" + pipeline("name: two", "uses: nop")},
            {"b.yaml", pipeline("name: Three")}});
  EXPECT_EQ(documents.errors, 2u);
  EXPECT_THAT(documents.rendered, HasSubstr("a.yaml:9:25: error: unknown step plugin 'nop'"));
  EXPECT_THAT(documents.rendered, HasSubstr("b.yaml:3:18: error: 'Three' is not the name"));
}

TEST(Documents, OneNameIsOneDocument) {
  const Documents documents = read({{"a.yaml", pipeline("name: one")},
                                    {"b.yaml", pipeline("name: one, namespace: other")},
                                    {"c.yaml", "\n---\n" + pipeline("name: one")}});
  EXPECT_EQ(documents.errors, 1u);
  EXPECT_THAT(documents.rendered,
              HasSubstr("c.yaml:5:18: error: two documents are the Pipeline 'default/one'"));
  EXPECT_THAT(documents.rendered, HasSubstr("the first is a.yaml:3:18"));
}

constexpr const char* kBrings =
    "services:\n  - name: digits\n    graph: [{name: net, uses: noop, model: m.pt, with: {note: "
    "'a: "
    "b'}}]\n    timeout: 5s\n    slo: {errors: 0.1%}\n  - {name: other, graph: [{name: a, uses: "
    "noop}], queue: null}\n";

TEST(Documents, BringTheirServicesAlong) {
  for (const std::string name_space : {"", "team"}) {
    const std::vector<SourceText> texts{{"a.yaml", pipeline("name: p") + kBrings},
                                        {"b.yaml", pipeline("name: q")}};
    const Documents documents = read(texts, name_space);
    ASSERT_EQ(documents.rendered, "");
    ASSERT_EQ(documents.all.size(), 4u);
    const Document& service = documents.all[1];
    const std::string in = name_space.empty() ? "default" : name_space;
    EXPECT_EQ(service.kind, "InferenceService");
    EXPECT_EQ(service.name_space, in);
    EXPECT_EQ(service.name, "digits");
    EXPECT_EQ(service.labels, (std::map<std::string, std::string>{{"scanflow.dev/pipeline", "p"}}));
    EXPECT_EQ(service.file, "a.yaml (service digits)");
    EXPECT_EQ(documents.all[2].name, "other");
    EXPECT_EQ(documents.all[3].name, "q");
    // It is a document that says the same.
    const Documents again = read({{"s.yaml", service.text}}, name_space);
    ASSERT_EQ(again.rendered, "");
    EXPECT_EQ(again.all[0].labels, service.labels);
    const auto spec = read_service("s.yaml", service.text, test::catalog()).service;
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->name_space, in);
    EXPECT_EQ(spec->timeout_us, 5'000'000);
    EXPECT_EQ(spec->slo_errors, 0.001);
    EXPECT_EQ(spec->graph[0].with.at("note"), "a: b");
    // Whoever only reads the names finds the same.
    const Documents named = read_names(texts, name_space);
    EXPECT_EQ(named.rendered, "");
    ASSERT_EQ(named.all.size(), 4u);
    EXPECT_EQ(named.all[1].text, service.text);
  }
}

TEST(Documents, WhoseServicesAreWrongSayWhere) {
  const auto said = [](const std::string& services) {
    return read({{"a.yaml", pipeline("name: p") + "services:\n" + services}}).rendered;
  };
  EXPECT_THAT(said("  - {name: a, graph: [{name: n, uses: nop}]}\n"),
              testing::AllOf(HasSubstr("a.yaml:6:39: error: unknown plugin 'nop'"),
                             HasSubstr("did you mean 'noop'?")));
  EXPECT_THAT(said("  - {graph: [{name: n, uses: noop}]}\n"), HasSubstr("a service has no 'name'"));
  EXPECT_THAT(said("  - {name: A, graph: [{name: n, uses: noop}]}\n"),
              HasSubstr("a.yaml:6:12: error: 'A' is not the name of a service"));
  EXPECT_THAT(said("  - {name: a, kind: InferenceService, graph: [{name: n, uses: noop}]}\n"),
              HasSubstr("unknown field 'kind' of a service"));
  EXPECT_THAT(said("  - {name: a, graph: [{name: n, uses: noop}], scaling: {min: 3, max: 2}}\n"),
              HasSubstr("a.yaml:6:70: error: 'max' is 2, below 'min'"));
  EXPECT_THAT(said("  - {name: a, graph: [{name: n, uses: noop}]}\n  - {name: a, graph: [{name: n, "
                   "uses: noop}]}\n"),
              HasSubstr("a.yaml:7:12: error: duplicate service 'a'"));
  EXPECT_THAT(said("  - 3\n"), HasSubstr("a service must be a map"));
}

TEST(Documents, AServiceIsThePipelinesOrByItself) {
  const std::string alone =
      "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: digits}\ngraph: "
      "[{name: n, uses: noop}]\n";
  const Documents documents = read({{"a.yaml", pipeline("name: p") + kBrings}, {"b.yaml", alone}});
  EXPECT_EQ(documents.errors, 1u);
  EXPECT_THAT(documents.rendered,
              testing::AllOf(HasSubstr("b.yaml:3:18: error: two documents are the InferenceService "
                                       "'default/digits'"),
                             HasSubstr("remove or rename one of them"),
                             HasSubstr("the first is a.yaml:6:11")));
}

TEST(Documents, TheNamespaceThatWasAskedForHoldsWhereNoneIsSaid) {
  const Documents documents = read(
      {{"a.yaml", pipeline("name: one")}, {"b.yaml", pipeline("name: two, namespace: a")}}, "team");
  EXPECT_EQ(documents.all[0].name_space, "team");
  EXPECT_EQ(documents.errors, 1u);
  EXPECT_THAT(documents.rendered,
              HasSubstr("b.yaml:3:34: error: the namespace is 'a' here, and 'team' was asked for"));
}

TEST(Documents, ThatAreNoneAreErrors) {
  const auto said = [](const std::string& text) { return read({{"a.yaml", text}}).rendered; };
  EXPECT_THAT(said(""), HasSubstr("a.yaml:1:1: error: the file is empty"));
  EXPECT_THAT(said("# nothing\n---\n"), HasSubstr("the file is empty"));
  EXPECT_THAT(said("- 1\n"), HasSubstr("a.yaml:1:1: error: not a document: this is a list"));
  EXPECT_THAT(said("a: [1\nb: }"), HasSubstr("not valid YAML"));
  EXPECT_THAT(said("kind: Pipline\n"), HasSubstr("did you mean 'Pipeline'?"));
  EXPECT_THAT(said(pipeline("name: a") + "---\nkind: Aplication\n"),
              HasSubstr("did you mean 'Application'?"));
  EXPECT_THAT(said("metadata: {name: a}\n"), HasSubstr("kind"));
  EXPECT_THAT(said(pipeline("name: " + std::string(64, 'a'))), HasSubstr("1 to 63 of a-z"));
  EXPECT_THAT(said(pipeline("namespace: a")), HasSubstr("name"));
}

TEST(Documents, CallEachOtherInWhateverOrder) {
  const Documents documents = read({{"a.yaml", pipeline("name: one", "pipeline: two")},
                                    {"b.yaml", pipeline("name: two", "pipeline: team/three")},
                                    {"c.yaml", pipeline("name: three, namespace: team")}});
  EXPECT_EQ(documents.rendered, "");
}

TEST(Documents, ThatCallWhatIsNotThereAreErrors) {
  const FindPipeline find = [](const std::string& call, const Calling& from) {
    return nothing(from.name_space + "/" + call, from);
  };
  const Documents documents =
      read({{"a.yaml", pipeline("name: one, namespace: team", "pipeline: two")},
            {"b.yaml", pipeline("name: two", "pipeline: one@3")}},
           "", find);
  EXPECT_EQ(documents.errors, 2u);
  EXPECT_THAT(documents.rendered, HasSubstr("a.yaml:4:29: error: the pipeline 'two' cannot be "
                                            "called: there is no team/two"));
  EXPECT_THAT(documents.rendered, HasSubstr("there is no default/one@3"));
}

TEST(Documents, InACircleAreErrorsAlsoThroughOthers) {
  const FindPipeline find = [](const std::string&, const Calling&) {
    return SourceText{"default/old@1", pipeline("name: old", "pipeline: one"), "default"};
  };
  const Documents documents = read({{"a.yaml", pipeline("name: one", "pipeline: two")},
                                    {"b.yaml", pipeline("name: two", "pipeline: old")}},
                                   "", find);
  EXPECT_THAT(documents.rendered,
              HasSubstr("they call each other in a circle: default/one -> default/two -> "
                        "default/old@1 -> default/one"));
}

/// Of `levels` pipelines; each calls the next one twice.
std::vector<SourceText> doubling(int levels) {
  std::vector<SourceText> texts;
  for (int i = 0; i < levels; ++i) {
    const std::string next = "pipeline: p" + std::to_string(i + 1);
    texts.push_back(
        {"f.yaml", pipeline("name: p" + std::to_string(i),
                            i + 1 == levels ? "uses: noop" : next + "}, {name: b, " + next)});
  }
  return texts;
}

TEST(Documents, ThatAreCalledOverAndOverAreReadOnce) {
  EXPECT_EQ(read(doubling(16)).rendered, "") << "32,768 ways lead to the last one";
}

TEST(Documents, ThatNestTooDeepAreErrorsInWhateverOrder) {
  std::vector<SourceText> texts = doubling(17);
  const Documents forward = read(texts);
  std::reverse(texts.begin(), texts.end());
  const Documents backward = read(texts);
  for (const Documents& documents : {forward, backward}) {
    EXPECT_GE(documents.errors, 2u) << "both calls of the first one";
    EXPECT_LT(documents.rendered.size(), 1'000'000u) << "errors within errors are cut";
    EXPECT_THAT(documents.rendered, HasSubstr("calls nest deeper than 16: default/p0 -> "));
  }
}

TEST(Documents, AreNamedWithoutBeingRight) {
  const Documents documents =
      read_names(std::vector<SourceText>{{"a.yaml", pipeline("name: one", "uses: nop")}}, "team");
  EXPECT_EQ(documents.rendered, "");
  EXPECT_EQ(documents.all[0].name, "one");
  EXPECT_EQ(documents.all[0].name_space, "team");
  const Documents wrong = read_names(std::vector<SourceText>{{"a.yaml", "kind: Pipeline\n"}}, "");
  EXPECT_THAT(wrong.rendered, HasSubstr("a.yaml:1:1: error: 'default/' is not the name"));
}

TEST(References, HaveANamespaceANameAndAVersion) {
  const Reference all = parse_reference("mnist/train@3").value();
  EXPECT_EQ(all.name_space, "mnist");
  EXPECT_EQ(all.name, "train");
  EXPECT_EQ(all.version, 3u);
  const Reference name = parse_reference("train").value();
  EXPECT_EQ(name.name_space, "");
  EXPECT_EQ(name.version, std::nullopt);
  for (const char* text : {"mnist/train@3", "train", "train@1", "a/b"})
    EXPECT_EQ(to_text(parse_reference(text).value()), text);
}

TEST(References, ThatAreWrongSayWhy) {
  for (const char* text : {"a@0", "a@", "a@x", "a@-1", "a@1.5", "a@99999999999", "a@1@2"})
    EXPECT_THAT(parse_reference(text).error().message, HasSubstr("number from 1")) << text;
  for (const char* text : {"", "/", "a/", "/a", "a/b/c", "A", "a b", "../a", "a.yaml"})
    EXPECT_THAT(parse_reference(text).error().message, HasSubstr("is not the name of")) << text;
}

}  // namespace
}  // namespace scanflow::pipeline
