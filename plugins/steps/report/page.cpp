#include "plugins/steps/report/page.hpp"

#include <fmt/format.h>

#include "plugins/steps/report/dag.hpp"
#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/sections.hpp"
#include "plugins/steps/report/timeline.hpp"

namespace scanflow::report {

std::string section(const std::string& id, const std::string& title, const std::string& body) {
  if (body.empty()) return {};
  return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, escape(title), body);
}

std::string make_page(const PageInput& input) {
  const RunRecord& run = input.run;
  const std::string title = input.title.empty() ? run.pipeline : input.title;
  std::string body = header_html(input);
  body += "<main>\n";
  const bool failed = run.status == "failed";
  const std::string next = section("next", "What to do next", next_html(run));
  body += section("failures", "What went wrong", failures_html(run));
  if (failed) body += next;  // who comes for a failure wants it at once
  body += section("meaning", "What it means", meaning_html(run));
  body += section("graph", "Steps", dag_svg(run));
  body += section("timeline", "Time", timeline_svg(run));
  body += section("metrics", "Metrics", metrics_html(run));
  body += section("confusion", "Confusion matrix", confusion_section_html(run));
  body += section("misclassified", "Misclassified digits", galleries_html(input.galleries));
  body += section("steps", "All steps", steps_html(run));
  body += section("artifacts", "Artifacts", artifacts_html(run));
  body += section("params", "Parameters", params_html(run));
  if (!failed) body += next;
  body += "</main>\n";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\">\n"
      "<title>{} · {}</title>\n<style>{}</style>\n</head>\n<body>\n{}"
      "<footer>Written by Scanflow's report.html at {} from the record of the run.</footer>\n"
      "</body>\n</html>\n",
      escape(title), escape(run.status), style_sheet(), body, time_text(run.now_us));
}

}  // namespace scanflow::report
