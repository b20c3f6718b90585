// A plugin's configuration: a struct that describes its fields once.
//
//   struct TrainConfig {
//     std::int64_t epochs = 2;
//     template <class V> void fields(V& f) {
//       f("epochs", epochs).min(1).max(10000).doc("passes over the training data");
//     }
//   };
//
// Types: bool, integers, floating point, std::string, std::filesystem::path, nlohmann::json
// (anything), std::vector and std::optional of those, and structs that describe themselves.
#pragma once

#include <scanflow/config_reader.hpp>
#include <scanflow/config_schema.hpp>
