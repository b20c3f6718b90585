// A text that is one document. Private to engine/pipeline.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/pipeline/root_reader.hpp"

namespace scanflow::pipeline {

/// Calls `read` with its root; gives what is wrong with it, by place. `what`: "service", for messages. `name_space`: as of
/// read_pipeline.
std::vector<Diagnostic> read_one(
    const std::string& file, const std::string& text, const loader::Catalog& catalog,
    const std::string& name_space, std::string_view what,
    const std::function<void(const Node& root, const Reading& reading, Problems& problems)>& read);

}  // namespace scanflow::pipeline
