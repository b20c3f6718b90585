#include "engine/pipeline/pipeline_services.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/documents.hpp"
#include "engine/pipeline/yaml_values.hpp"

namespace scanflow::pipeline {
namespace {

/// A field, in JSON, which is YAML; of a list each value has a line.
std::string field_text(const std::string& name, const json& value) {
  if (!value.is_array() || value.empty()) return fmt::format("{}: {}\n", name, value.dump());
  std::string text = name + ":\n";
  for (const json& each : value) text += fmt::format("  - {}\n", each.dump());
  return text;
}

}  // namespace

std::vector<PipelineService> services_of(const Node& root, const std::string& name_space,
                                         const std::string& pipeline, const Source& source) {
  std::vector<PipelineService> all;
  const Node* const list = root.find("services");
  if (list == nullptr || !list->is_list()) return all;
  Problems reported(source);  // by whoever checks the pipeline
  for (const Node* item : list->items) {
    const Node* const name = item->is_map() ? item->find("name") : nullptr;
    if (name == nullptr || !name->is_scalar()) continue;
    const bool twice = std::any_of(all.begin(), all.end(), [&](const PipelineService& other) {
      return other.name->text == name->text;
    });
    if (twice) continue;
    const json metadata = {{"name", name->text},
                           {"namespace", name_space},
                           {"labels", {{std::string(kPipelineLabel), pipeline}}}};
    std::string text =
        fmt::format("# Of the pipeline {}/{}: change it there.\n", name_space, pipeline);
    text += "apiVersion: scanflow.dev/v1\nkind: InferenceService\n";
    text += field_text("metadata", metadata);
    for (std::size_t i = 0; i + 1 < item->items.size(); i += 2) {
      const Node& key = *item->items[i];
      if (!key.is_scalar() || key.text == "name" || item->items[i + 1]->is_null()) continue;
      text += field_text(key.text, to_json(*item->items[i + 1], reported));
    }
    all.push_back({item, name, std::move(text)});
  }
  return all;
}

}  // namespace scanflow::pipeline
