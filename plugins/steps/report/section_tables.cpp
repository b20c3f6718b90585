// Steps, artifacts, models and parameters as tables.
#include <fmt/format.h>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/sections.hpp"
#include "plugins/steps/report/status.hpp"

namespace scanflow::report {
namespace {

constexpr std::size_t kMostRows = 2000;
constexpr std::size_t kMostOutput = 4000;  // characters of a step's outputs

/// Numbers in scientific notation or dense arrays read badly: one member a line, arrays on one.
std::string outputs_text(const json& outputs) {
  std::string out;
  for (const auto& [name, value] : outputs.items()) {
    if (name == "summary" || name == "confusion") continue;  // shown elsewhere
    out +=
        fmt::format("{}: {}\n", name, value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return out.size() > kMostOutput ? shorten(out, kMostOutput) : out;
}

std::string said_of(const Step& step) {
  std::string out = escape(step.summary);
  if (step.failure) {
    const std::string cause = step.failure->cause.empty() ? "" : step.failure->cause + ": ";
    out += fmt::format("<div class=\"{}\">{}</div>", step.status == "failed" ? "error" : "muted",
                       escape(shorten(cause + step.failure->message, 600)));
  }
  if (const std::string text = outputs_text(step.outputs); !text.empty()) {
    out += fmt::format("<details><summary>outputs</summary><pre>{}</pre></details>", escape(text));
  }
  return out;
}

std::string value_html(const json& value) {
  if (value.is_string()) return escape(value.get<std::string>());
  return escape(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::string steps_html(const RunRecord& run) {
  if (run.steps.empty()) return {};
  std::string rows;
  for (std::size_t i = 0; i < run.steps.size() && i < kMostRows; ++i) {
    const Step& step = run.steps[i];
    const std::string phase = step.phase == "main" ? "" : fmt::format(" · {}", escape(step.phase));
    rows += fmt::format(
        "<tr id=\"step-{}\" class=\"{}\"><td class=\"status\"><span class=\"badge\">{} "
        "{}</span></td>"
        "<td><b>{}</b><small>{}{}</small></td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td>"
        "<td class=\"said\">{}</td></tr>\n",
        i, status_class(step.status), status_glyph(step.status),
        step.name == run.self ? "this page" : escape(step.status), escape(step.name),
        escape(step.uses), phase, step.attempts,
        step.started_us > 0 && step.status != "running" ? seconds_text(step.seconds) : "",
        said_of(step));
  }
  const std::string more =
      run.steps.size() > kMostRows
          ? fmt::format("<p class=\"muted\">The first {} of {}.</p>\n", count_text(kMostRows),
                        plural(run.steps.size(), "step"))
          : "";
  return "<div class=\"scroll\"><table><thead><tr><th>status</th><th>step</th>"
         "<th class=\"number\">attempts</th><th class=\"number\">time</th><th>what it "
         "says</th></tr>"
         "</thead><tbody>\n" +
         rows + "</tbody></table></div>\n" + more;
}

std::string artifacts_html(const RunRecord& run) {
  std::string rows;
  for (const Step& step : run.steps) {
    for (const Artifact& artifact : step.artifacts) {
      rows += fmt::format(
          "<tr><td><b>{}</b><small>{}{}</small></td><td class=\"number\">{}</td>"
          "<td><code class=\"digest\">{}</code><small class=\"path\">{}</small></td></tr>\n",
          escape(artifact.name), escape(step.name), artifact.directory ? " · directory" : "",
          bytes_text(artifact.bytes), escape(artifact.sha256), escape(artifact.path));
    }
  }
  std::string out;
  if (!run.models.empty()) {
    out +=
        "<h3>Registered models</h3><div class=\"scroll\"><table><thead><tr><th>model</th>"
        "<th>version</th><th>SHA-256</th></tr></thead><tbody>\n";
    for (const Model& model : run.models) {
      out += fmt::format(
          "<tr><td><b>{}</b><small>{}</small></td><td>{}</td>"
          "<td><code class=\"digest\">{}</code></td></tr>\n",
          escape(model.name), escape(model.step), escape(model.version), escape(model.sha256));
    }
    out += "</tbody></table></div>\n";
  }
  if (rows.empty()) return out;
  if (!out.empty()) out += "<h3>Files</h3>";
  return out +
         "<div class=\"scroll\"><table><thead><tr><th>artifact</th><th class=\"number\">size</th>"
         "<th>SHA-256 and place</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

std::string params_html(const RunRecord& run) {
  std::string rows;
  for (const auto& [name, value] : run.params.items()) {
    rows += fmt::format("<div><dt>{}</dt><dd><code>{}</code></dd></div>\n", escape(name),
                        value_html(value));
  }
  return rows.empty() ? rows : "<dl class=\"params\">\n" + rows + "</dl>\n";
}

}  // namespace scanflow::report
