#include "engine/orchestrate/outcome.hpp"

#include <utility>

#include "engine/kube/fields.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr std::string_view kOthersFields = "FieldManagerConflict";

json causes_of(const kube::Failure& failure) {
  return failure.details.is_object() ? failure.details.value("causes", json::array())
                                     : json::array();
}

}  // namespace

std::string_view name_of(Outcome::State state) {
  switch (state) {
    case Outcome::State::done:
      return "DONE";
    case Outcome::State::refused:
      return "REFUSED";
    case Outcome::State::failed:
      return "FAILED";
    case Outcome::State::unsupported:
      break;
  }
  return "UNSUPPORTED";
}

Outcome refused(std::string message, json evidence) {
  return {Outcome::State::refused, std::move(message), std::move(evidence)};
}
Outcome failed(std::string message, json evidence) {
  return {Outcome::State::failed, std::move(message), std::move(evidence)};
}
Outcome unsupported(std::string message, json evidence) {
  return {Outcome::State::unsupported, std::move(message), std::move(evidence)};
}

Outcome outcome_of(const kube::Failure& failure, const std::string& asked) {
  constexpr int kBad = 400, kForbidden = 403, kInvalid = 422, kTooMany = 429;
  Outcome outcome = failed(kube::explained(failure, asked));
  const int code = failure.code;
  if (code == kBad || code == kForbidden || code == kInvalid || code == kTooMany)
    outcome.state = Outcome::State::refused;
  outcome.answered = code != 0;
  if (code != 0) outcome.evidence["answer"] = {{"code", code}, {"reason", failure.reason}};
  return outcome;
}

bool is_stale(const kube::Failure& failure) {
  return failure.is("Conflict") && managers_of(failure).empty();
}

std::string managers_of(const kube::Failure& failure) {
  std::string managers;
  for (const json& cause : causes_of(failure)) {
    if (kube::text_of(cause, "reason") != kOthersFields) continue;
    // 'conflict with "helm" using apps/v1'
    const std::string message = kube::text_of(cause, "message");
    const std::size_t begin = message.find('"'), end = message.find('"', begin + 1);
    const bool quoted = begin != std::string::npos && end != std::string::npos;
    const std::string name = quoted ? message.substr(begin + 1, end - begin - 1) : message;
    if (managers.find(name) == std::string::npos) managers += (managers.empty() ? "" : ", ") + name;
  }
  return managers;
}

}  // namespace scanflow::orchestrate
