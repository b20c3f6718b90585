#include "tests/support/kube/status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace scanflow::test::kube {
namespace {

Refusal refuse(int code, const std::string& reason, const std::string& message,
               json details = nullptr) {
  Answer answer;
  answer.status = code;
  answer.body = status_of(code, reason, message, std::move(details));
  return Refusal(std::move(answer));
}

json details_of(const Resource& resource, const std::string& name) {
  json details = {{"kind", resource.plural}};
  if (!name.empty()) details["name"] = name;
  if (!resource.group.empty()) details["group"] = resource.group;
  return details;
}

/// 'pods "x"', or "pods" where there is no name yet.
std::string called(const Resource& resource, const std::string& name) {
  return name.empty() ? resource.qualified() : fmt::format("{} \"{}\"", resource.qualified(), name);
}

}  // namespace

Refusal::Refusal(Answer answer) : answer_(std::move(answer)) {
  message_ = answer_.body.is_object() ? answer_.body.value("message", "") : answer_.text;
}

json status_of(int code, const std::string& reason, const std::string& message, json details) {
  json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
                 {"status", "Failure"}, {"message", message}, {"reason", reason},
                 {"code", code}};
  if (!details.is_null()) status["details"] = std::move(details);
  return status;
}

json causes_of(const std::vector<Cause>& causes) {
  json list = json::array();
  for (const Cause& cause : causes) {
    json one = {{"reason", cause.reason}, {"message", cause.message}};
    if (!cause.field.empty()) one["field"] = cause.field;
    list.push_back(std::move(one));
  }
  return list;
}

Refusal bad_request(const std::string& message) { return refuse(400, "BadRequest", message); }
Refusal unauthorized() { return refuse(401, "Unauthorized", "Unauthorized"); }

Refusal forbidden(const Resource& resource, const std::string& name, const std::string& why,
                  const std::vector<Cause>& causes) {
  json details = details_of(resource, name);
  if (!causes.empty()) details["causes"] = causes_of(causes);
  return refuse(403, "Forbidden", fmt::format("{} is forbidden: {}", called(resource, name), why),
                std::move(details));
}

Refusal not_found(const Resource& resource, const std::string& name) {
  return refuse(404, "NotFound", called(resource, name) + " not found", details_of(resource, name));
}

Refusal no_such_path() {
  return refuse(404, "NotFound", "the server could not find the requested resource",
                json::object());
}

Refusal method_not_allowed() {
  return refuse(405, "MethodNotAllowed",
                "the server does not allow this method on the requested resource", json::object());
}

Refusal already_exists(const Resource& resource, const std::string& name) {
  return refuse(409, "AlreadyExists", called(resource, name) + " already exists",
                details_of(resource, name));
}

Refusal conflict(const Resource& resource, const std::string& name, const std::string& why) {
  return refuse(409, "Conflict",
                fmt::format("Operation cannot be fulfilled on {}: {}", called(resource, name), why),
                details_of(resource, name));
}

Refusal modified(const Resource& resource, const std::string& name) {
  return conflict(resource, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Refusal expired(const std::string& message, const std::string& go_on) {
  Answer answer;
  answer.status = 410;
  answer.body = status_of(410, "Expired", message);
  if (!go_on.empty()) answer.body["metadata"]["continue"] = go_on;
  return Refusal(std::move(answer));
}

Refusal unsupported_media_type() {
  return refuse(415, "UnsupportedMediaType", "415: Unsupported Media Type", json::object());
}

Refusal invalid(const Resource& resource, const std::string& name,
                const std::vector<Cause>& causes) {
  std::vector<std::string> said;
  for (const Cause& cause : causes) said.push_back(cause.field + ": " + cause.message);
  const std::string what =
      said.size() == 1 ? said.front() : fmt::format("[{}]", fmt::join(said, ", "));
  const std::string kind =
      resource.group.empty() ? resource.kind : resource.kind + "." + resource.group;
  json details = {{"name", name}, {"kind", resource.kind}, {"causes", causes_of(causes)}};
  if (!resource.group.empty()) details["group"] = resource.group;
  return refuse(422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", kind, name, what),
                std::move(details));
}

Refusal too_many(const std::string& message, int retry_after_s, json details) {
  Answer answer;
  answer.status = 429;
  if (retry_after_s > 0) {
    if (details.is_null()) details = json::object();
    details["retryAfterSeconds"] = retry_after_s;
    answer.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  }
  answer.body = status_of(429, "TooManyRequests", message, std::move(details));
  return Refusal(std::move(answer));
}

Refusal failed(int code, const std::string& reason, const std::string& message) {
  return refuse(code, reason, message);
}

}  // namespace scanflow::test::kube
