// What every document has: its name, where it belongs, its labels. Private to engine/pipeline.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/root_reader.hpp"

namespace scanflow::pipeline {

struct Metadata {
  std::string name, name_space;
  std::map<std::string, std::string> labels;
};

/// Of a document's root. `what`: "pipeline", for messages.
Metadata read_metadata(const MapReader& root, const Reading& reading, std::string_view what,
                       Problems& problems);

}  // namespace scanflow::pipeline
