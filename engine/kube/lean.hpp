// Objects of an API server are large, and of most of it nobody here wants to know. Pure.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

namespace scanflow::kube {

/// Fields of these names, wherever they are, are passed over. A static list.
using LeaveOut = std::span<const std::string_view>;

/// Who has changed which field: as long as all the rest.
inline constexpr std::array kManaged = {std::string_view("managedFields")};
/// A Pod, as far as its status and place go: a third of it.
inline constexpr std::array kNotStatus = {
    std::string_view("managedFields"), std::string_view("annotations"),
    std::string_view("containers"),    std::string_view("initContainers"),
    std::string_view("volumes"),       std::string_view("tolerations")};

/// Discarded where it is no JSON.
nlohmann::json parse_lean(std::string_view text, LeaveOut leave_out);

}  // namespace scanflow::kube
