#include "engine/webhook/metrics.hpp"

#include <fmt/format.h>

namespace scanflow::webhook {
namespace {

std::string outcome_label(const Verdict& verdict) {
  if (verdict.dry_run) return "dry_run";
  if (!verdict.problem.empty()) return "failed";
  return verdict.reports.empty() ? "none" : std::string(describe(verdict.reports.front().outcome));
}

std::string head(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP scanflow_webhook_{0} {2}\n# TYPE scanflow_webhook_{0} {1}\n", name,
                     type, help);
}

}  // namespace

void Metrics::count(const Verdict& verdict, std::int64_t took_us) {
  if (!verdict.refused.empty()) {
    ++refused_[verdict.response.status];
    return;
  }
  ++reviews_[outcome_label(verdict)];
  ++answered_;
  took_us_ += took_us;
}

std::string Metrics::text(std::int64_t not_after_s) const {
  std::string text = head("reviews_total", "counter", "Reviews, by what became of the object.");
  for (const auto& [outcome, count] : reviews_)
    text += fmt::format("scanflow_webhook_reviews_total{{outcome=\"{}\"}} {}\n", outcome, count);
  text += head("refused_total", "counter", "Requests that were no reviews, by HTTP status.");
  for (const auto& [status, count] : refused_)
    text += fmt::format("scanflow_webhook_refused_total{{status=\"{}\"}} {}\n", status, count);
  text += head("review_seconds", "summary", "Time to answer a review.");
  text +=
      fmt::format("scanflow_webhook_review_seconds_sum {}\n", static_cast<double>(took_us_) / 1e6);
  text += fmt::format("scanflow_webhook_review_seconds_count {}\n", answered_);
  text += head("certificate_not_after_seconds", "gauge", "When the certificate ends, Unix time.");
  text += fmt::format("scanflow_webhook_certificate_not_after_seconds {}\n", not_after_s);
  return text;
}

}  // namespace scanflow::webhook
