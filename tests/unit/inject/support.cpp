#include "tests/unit/inject/support.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/temp_dir.hpp"

namespace scanflow::inject {

using nlohmann::json;

std::filesystem::path corpus_directory() {
  return std::filesystem::path(SCANFLOW_SOURCE_DIR) / "tests/unit/inject/corpus";
}

std::vector<CorpusFile> corpus() {
  std::vector<CorpusFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(corpus_directory())) {
    if (entry.is_regular_file())
      files.push_back({entry.path().filename(), test::read(entry.path())});
  }
  std::sort(files.begin(), files.end(),
            [](const CorpusFile& a, const CorpusFile& b) { return a.name < b.name; });
  return files;
}

Node tree_of(const Document& document) {
  auto node = parse(document);
  EXPECT_TRUE(node) << node.error().message << "\n" << document.text;
  return node ? std::move(*node) : Node();
}

std::vector<Document> documents_of(const std::string& text) {
  std::vector<Document> documents = split(text);
  std::erase_if(documents, [](const Document& each) { return each.format == Format::nothing; });
  return documents;
}

json exactly(const Node& node) {
  json items = json::array();
  switch (node.kind) {
    case NodeKind::null:
      return nullptr;
    case NodeKind::scalar: {
      // Words that mean themselves may lose their quotes or gain them.
      const json value = to_json(node);
      return json::array({node.tag, node.text, value.type_name()});
    }
    case NodeKind::list:
      for (const Node& each : node.items) items.push_back(exactly(each));
      return items;
    case NodeKind::map:
      break;
  }
  json object = json::object();
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2)
    object[node.items[i].text] = exactly(node.items[i + 1]);
  return object;
}

PatchOf injecting(const Settings& settings) {
  return [settings](const json& object) { return inject(object, "default", settings); };
}

PatchOf uninjecting() {
  return [](const json& object) { return uninject(object); };
}

std::string rewritten(const std::string& text, const PatchOf& patch_of) {
  Rewritten done = rewrite("test", text, patch_of);
  for (const std::string& error : done.errors) ADD_FAILURE() << error;
  return done.text;
}

std::vector<Settings> variants() {
  std::vector<Settings> all = {defaults("1.0")};
  Settings& plain = all.emplace_back(defaults("1.1"));
  plain.shape = Shape::plain;
  plain.cpu_limit = "200m";
  plain.image_pull_policy = "Never";
  plain.rules = "threads > 5 -> dump";
  Settings& local = all.emplace_back(defaults("1.2"));
  local.hub = "ipc:///run/hub.sock";
  local.admin = "127.0.0.1:4191";
  Settings& own = all.emplace_back(defaults("1.3"));
  own.keys = Keys{std::string(40, 'h'), std::string(40, 'k'), std::string(40, 's')};
  own.identity =
      Identity{"run-1", "train", 2, "uid-1", "pod-1", R"({"rules":["threads > 1 -> dump"]})"};
  own.token = false;
  return all;
}

json simple_pod() {
  return json::parse(R"({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "main", "image": "app", "command": ["app"]}]}})");
}

json injected(const json& object, const Settings& settings) {
  const auto patch = inject(object, "default", settings);
  EXPECT_TRUE(patch) << patch.error().message;
  return patch ? object.patch(patch->operations) : json();
}

json named(const json& list, const std::string& name) {
  for (const json& each : list) {
    if (each.value("name", "") == name) return each;
  }
  return nullptr;
}

}  // namespace scanflow::inject
