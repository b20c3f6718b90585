#include <nlohmann/json.hpp>

#include "engine/webhook/review.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/unit/webhook/support.hpp"

namespace scanflow::fuzz {
namespace {

using nlohmann::json;

http::Response answer_to(std::string body) {
  http::Request request;
  request.method = "POST";
  request.content_type = "application/json";
  request.body = std::move(body);
  inject::Settings settings = inject::defaults("1");
  settings.keep_injected = true;
  return webhook::review(request, settings).response;
}

}  // namespace

void review(std::string_view input) {
  const http::Response answer = answer_to(std::string(input));
  must(answer.status == 200 || answer.status == 400, "it is answered, or refused as malformed");
  if (answer.status != 200) return;
  const json asked = json::parse(input)["request"];
  const json response = json::parse(answer.body)["response"];
  must(response["uid"] == asked["uid"], "the answer is to what was asked");
  must(response["allowed"] == true, "nothing is kept from running");
  if (!response.contains("patch")) return;
  json again = json::parse(input);
  again["request"]["object"] =
      asked["object"].patch(json::parse(webhook::decoded(response["patch"])));
  const json second = json::parse(answer_to(again.dump()).body)["response"];
  must(!second.contains("patch"), "what is injected stays as it is");
}

}  // namespace scanflow::fuzz
