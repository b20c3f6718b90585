// Run documents to make reports of.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace scanflow::report {

/// load-data -> train (cnn1, cnn2) -> evaluate -> register, all succeeded; report on exit.
nlohmann::json succeeded_run();

/// train[model=cnn2] ran out of memory after two attempts; evaluate and register never started.
nlohmann::json failed_run();

/// An artifact `misclassified` of `count` drawn digits, the confidence rising with the index.
void write_misclassified(const std::filesystem::path& directory, std::size_t count);

}  // namespace scanflow::report
