#include "engine/kube/failure.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

#include "engine/kube/fields.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::kube {
namespace {

std::optional<std::chrono::milliseconds> seconds_of(std::string_view text) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// What is said with which words, and what helps.
struct KnownFailure {
  std::string_view reason, words, fix;
};
constexpr std::array kKnown = {
    KnownFailure{"Unauthorized", "",
                 "it knows none of the credentials given: have a new token or certificate made "
                 "(kubectl auth whoami tells who one is)"},
    KnownFailure{
        "Forbidden", "exceeded quota",
        "ask for less (resources.requests), wait for others to end, or have the ResourceQuota "
        "raised"},
    KnownFailure{"Forbidden", "is being terminated",
                 "the namespace is on its way out: use another one"},
    KnownFailure{"Forbidden", "violates PodSecurity",
                 "change what the message names (pod_template), or the namespace's label "
                 "pod-security.kubernetes.io/enforce"},
    KnownFailure{"Forbidden", "maximum", "a LimitRange of the namespace forbids it: ask for less"},
    KnownFailure{"Forbidden", "cannot",
                 "a Role with this verb is missing: scanflow kube check lists which"},
    KnownFailure{"", "denied the request",
                 "an admission webhook or policy of the cluster did: its owner knows why"},
    KnownFailure{"NotFound", "namespaces",
                 "kubectl create namespace makes it; --namespace names another one"},
    KnownFailure{"Invalid", "", "the object is not what this API server's version takes"},
    KnownFailure{"TooManyRequests", "disruption budget",
                 "a PodDisruptionBudget allows no further disruption just now: wait, or change its "
                 "minAvailable"},
};

std::string_view fix_of(const Failure& failure) {
  for (const KnownFailure& known : kKnown) {
    if (!known.reason.empty() && failure.reason != known.reason) continue;
    if (failure.message.find(known.words) != std::string::npos) return known.fix;
  }
  return {};
}

}  // namespace

Failure failure_of(const json& status) {
  Failure failure;
  failure.code = status.is_object() && status.value("code", json()).is_number_integer()
                     ? status["code"].get<int>()
                     : 500;
  if (!status.is_object()) return failure;
  failure.reason = text_of(status, "reason");
  failure.message = text_of(status, "message");
  if (const auto details = status.find("details"); details != status.end() && details->is_object())
    failure.details = *details;
  const json seconds = failure.details.value("retryAfterSeconds", json());
  if (seconds.is_number_integer() && seconds.get<std::int64_t>() > 0)
    failure.retry_after = std::chrono::seconds(seconds.get<std::int64_t>());
  return failure;
}

Failure failure_of(const http::Head& head, const std::string& body) {
  const json status = json::parse(body, nullptr, false);
  const bool ours = status.is_object() && text_of(status, "kind") == "Status";
  Failure failure = ours ? failure_of(status) : Failure();
  failure.code = head.status;
  if (failure.message.empty()) {
    failure.message = fmt::format("status {}{}{}", head.status, body.empty() ? "" : ": ",
                                  cut_utf8(valid_utf8(body.substr(0, 300)), 300));
  }
  if (const auto asked = seconds_of(head.header("retry-after"))) failure.retry_after = asked;
  return failure;
}

Failure failure_of(const http::NoAnswer& none, const std::string& server) {
  using Why = http::NoAnswer::Why;
  Failure failure;
  failure.why = none.why;
  failure.sent = none.sent;
  const auto say = [&](const char* fix) {
    return fmt::format("the API server {} cannot be reached: {} ({})", server, none.message, fix);
  };
  switch (none.why) {
    case Why::name:
      failure.message = say("is its name right in the kubeconfig, and this machine's DNS?");
      break;
    case Why::refused:
      failure.message = say(
          "is the cluster up, its address right in the kubeconfig, and no firewall in the way?");
      break;
    case Why::tls:
      failure.message = say(
          "certificate-authority of the kubeconfig must be that of this server, tls-server-name a "
          "name in its certificate, and both certificates in date");
      break;
    case Why::silent:
      failure.message = say("it hangs, or has too much to do");
      break;
    case Why::closed:
      failure.message = say("it closed the connection; it may be starting anew");
      break;
    case Why::stopped:
      failure.message = "it was stopped";
      break;
  }
  return failure;
}

std::string explained(const Failure& failure, const std::string& asked) {
  const std::string_view fix = failure.code == 0 ? std::string_view() : fix_of(failure);
  return fmt::format("cannot {}: {}{}{}{}", asked, failure.message, fix.empty() ? "" : " (", fix,
                     fix.empty() ? "" : ")");
}

}  // namespace scanflow::kube
