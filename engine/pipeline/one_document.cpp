#include "engine/pipeline/one_document.hpp"

#include <fmt/format.h>

namespace scanflow::pipeline {

std::vector<Diagnostic> read_one(
    const std::string& file, const std::string& text, const loader::Catalog& catalog,
    const std::string& name_space, std::string_view what,
    const std::function<void(const Node& root, const Reading& reading, Problems& problems)>& read) {
  const Source source(file, text);
  Problems problems(source);
  const YamlDocument yaml = parse_yaml(source, problems);
  const FindPipeline nothing;
  Reading reading{catalog, nothing, {file}};
  reading.only = !name_space.empty();
  if (reading.only) reading.name_space = name_space;
  std::vector<const Node*> roots;
  for (const Node* root : yaml.roots)
    if (!root->is_null()) roots.push_back(root);
  if (problems.empty() && roots.size() != 1) {
    problems.add({1, 1}, 1, fmt::format("{} documents: expected is one {}", roots.size(), what));
  } else if (problems.empty()) {
    read(*roots[0], reading, problems);
  }
  return problems.take();
}

}  // namespace scanflow::pipeline
