// Names of container images: [REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]. Pure.
#pragma once

#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

/// What is wrong with it, and where that is easy to see what was meant.
Result<void> check_image_name(std::string_view name);

/// The same for editors: refuses no name that is one.
inline constexpr std::string_view kImagePattern =
    R"(^([A-Za-z0-9.-]+(:[0-9]+)?/|\[[0-9a-fA-F:]+\](:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z0-9+._-]+:[0-9a-fA-F]{32,})?$)";

}  // namespace scanflow::pipeline
