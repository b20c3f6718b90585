#include "engine/kube/lean.hpp"

#include <algorithm>
#include <string>

namespace scanflow::kube {

using nlohmann::json;

json parse_lean(std::string_view text, LeaveOut leave_out) {
  const auto keep = [&](int, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key) return true;
    const auto& key = parsed.get_ref<const std::string&>();
    return std::find(leave_out.begin(), leave_out.end(), key) == leave_out.end();
  };
  return json::parse(text, keep, false);
}

}  // namespace scanflow::kube
