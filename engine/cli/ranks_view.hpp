// What became of each rank of a gang, for people. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::cli {

/// Of the steps of a result document, for each gang a line and one for each rank; "" where there is none.
std::string ranks_lines(const nlohmann::json& steps);

}  // namespace scanflow::cli
