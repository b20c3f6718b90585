// base64 as in URLs: -_ for +/, no padding.
#pragma once

#include <optional>
#include <string>

namespace scanflow::test::kube {

std::string base64_url(const std::string& bytes);
/// None where it is malformed.
std::optional<std::string> from_base64_url(std::string text);

}  // namespace scanflow::test::kube
