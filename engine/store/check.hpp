// Are the artifacts what their names say, and is there all that is referred to?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/store/store.hpp"

namespace scanflow::store {

struct Damage {
  std::string sha256;  // what is not as it should be
  std::string why;
  std::string owner;  // one that refers to it: "model cnn, version 3"; empty: nobody
};
struct Checked {
  std::uint64_t files = 0, directories = 0, bytes = 0;
  std::vector<Damage> damages;
};

/// Reads all of them. `set_aside`: what is damaged is moved to `artifacts`/quarantine, so that who puts the same again
/// stores it whole. Beside a living engine. [any-thread]
Result<Checked> check_artifacts(const Store& store, const std::filesystem::path& artifacts,
                                bool set_aside);

}  // namespace scanflow::store
