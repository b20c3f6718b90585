#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/webhook/review.hpp"

namespace scanflow::webhook {

inline nlohmann::json pod() {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"generateName", "web-"}}},
      {"spec", {{"containers", {{{"name", "app"}, {"image", "web:1"}, {"command", {"serve"}}}}}}}};
}

inline nlohmann::json review_of(nlohmann::json object, const std::string& operation = "CREATE") {
  nlohmann::json request = {{"uid", "u-1"},
                            {"kind", {{"group", ""}, {"version", "v1"}, {"kind", object["kind"]}}},
                            {"namespace", "shop"},
                            {"operation", operation},
                            {"object", std::move(object)}};
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request", std::move(request)}};
}

inline std::string decoded(const std::string& base64) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0, count = 0;
  for (const char c : base64) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(kDigits.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

}  // namespace scanflow::webhook
