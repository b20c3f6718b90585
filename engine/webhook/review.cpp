#include "engine/webhook/review.hpp"

#include <fmt/format.h>

#include "engine/http/base64.hpp"
#include "engine/inject/workload.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::webhook {
namespace {

using inject::member;
using inject::text_of;
using nlohmann::json;

constexpr std::string_view kVersion = "admission.k8s.io/v1";
constexpr std::string_view kKind = "AdmissionReview";
constexpr std::size_t kMostNesting = 100;
/// Longer warnings may be cut by API servers.
constexpr std::size_t kLongestWarning = 250;

/// "application/json" of "application/json; charset=utf-8".
std::string_view media_type(std::string_view header) {
  std::string_view type = header.substr(0, header.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

Verdict refuse(int status, const std::string& why) {
  Verdict verdict;
  verdict.response = http::refuse(status, 2, why);
  verdict.refused = why;
  return verdict;
}

/// What is wrong with it; "" where it is a review.
std::string fault_of(const json& review) {
  if (!review.is_object()) return "the body is no JSON object";
  const std::string version = text_of(review, "apiVersion"), kind = text_of(review, "kind");
  if (kind != kKind)
    return fmt::format("the body is a '{}', and an {} is wanted", kind.substr(0, 100), kKind);
  if (version != kVersion) {
    return fmt::format(
        "the review is of version '{}', and {} is spoken here: admissionReviewVersions of the "
        "webhook configuration must say v1",
        version.substr(0, 100), kVersion);
  }
  const json& request = member(review, "request");
  if (!request.is_object()) return "the review has no request";
  if (text_of(request, "uid").empty()) return "the review's request has no uid";
  if (text_of(request, "operation").empty()) return "the review's request has no operation";
  return "";
}

/// Is there anything to be done about it?
bool is_ours(const json& request) {
  if (!text_of(request, "subResource").empty()) return false;
  const std::string operation = text_of(request, "operation");
  if (operation == "CREATE") return true;
  // What is in a Pod cannot be changed any more; a workload's template can.
  return operation == "UPDATE" && text_of(member(request, "kind"), "kind") != "Pod";
}

void warn(json& response, const std::string& text) {
  std::string warning = "scanflow: " + text;
  if (warning.size() > kLongestWarning) {
    std::size_t end = kLongestWarning - 3;
    while (end > 0 && (static_cast<unsigned char>(warning[end]) & 0xc0) == 0x80) --end;
    warning = warning.substr(0, end) + "...";
  }
  response["warnings"].push_back(std::move(warning));
}

std::string outcome_of(const inject::Report& report) {
  const std::string_view outcome = describe(report.outcome);
  return report.reason.empty() ? std::string(outcome)
                               : fmt::format("{}: {}", outcome, report.reason);
}

void answer(const json& request, const inject::Settings& settings, Verdict& verdict,
            json& response) {
  auto patch = inject::inject(member(request, "object"), verdict.name_space, settings);
  if (!patch) {
    verdict.problem = patch.error().message;
    warn(response, verdict.problem);
    response["auditAnnotations"]["outcome"] = "failed: " + verdict.problem;
    return;
  }
  for (const inject::Report& report : patch->reports) {
    for (const std::string& note : report.notes)
      warn(response, fmt::format("{}: {}", report.workload, note));
    response["auditAnnotations"]["outcome"] = outcome_of(report);
  }
  verdict.reports = std::move(patch->reports);
  if (patch->operations.empty()) return;
  response["patchType"] = "JSONPatch";
  response["patch"] = http::base64(patch->operations.dump());
}

}  // namespace

Verdict review(const http::Request& request, const inject::Settings& settings) {
  if (request.method != "POST") return refuse(405, "an AdmissionReview comes by POST");
  if (media_type(request.content_type) != "application/json") {
    return refuse(415, fmt::format("the body is of type '{}', and application/json is wanted",
                                   request.content_type.substr(0, 100)));
  }
  if (nesting_of(request.body) > kMostNesting)
    return refuse(400, fmt::format("the body is nested deeper than {} levels", kMostNesting));
  json body;
  try {
    body = json::parse(request.body);
  } catch (const json::parse_error& error) {
    return refuse(
        400, fmt::format("the body is no JSON: at byte {} of {}{}", error.byte, request.body.size(),
                         error.byte > request.body.size() ? ", where it ends" : ""));
  } catch (const json::out_of_range&) {
    return refuse(400, "the body is no JSON that can be read: a number in it is too large");
  }
  if (const std::string fault = fault_of(body); !fault.empty()) return refuse(400, fault);
  const json& asked = body["request"];
  json response = {{"uid", asked["uid"]}, {"allowed", true}};
  Verdict verdict;
  verdict.name_space = text_of(asked, "namespace");
  verdict.dry_run = member(asked, "dryRun") == json(true);
  if (is_ours(asked)) answer(asked, settings, verdict, response);
  verdict.response = http::respond(
      200, {{"apiVersion", kVersion}, {"kind", kKind}, {"response", std::move(response)}});
  return verdict;
}

}  // namespace scanflow::webhook
