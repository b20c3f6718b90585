// What one reads first: header, failures, meaning, what to do next.
#include <fmt/format.h>

#include <algorithm>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/meaning.hpp"
#include "plugins/steps/report/sections.hpp"
#include "plugins/steps/report/status.hpp"

namespace scanflow::report {
namespace {

std::string tile(const std::string& label, const std::string& value, const std::string& note) {
  return fmt::format("<div class=\"tile\"><span>{}</span><b>{}</b><small>{}</small></div>",
                     escape(label), escape(value), escape(note));
}

std::size_t finished(const RunRecord& run) {
  return static_cast<std::size_t>(
      std::count_if(run.steps.begin(), run.steps.end(), [](const Step& step) {
        return step.status == "succeeded" || step.status == "cached" || step.status == "skipped";
      }));
}

std::string tiles(const RunRecord& run) {
  std::string out;
  if (const Step* step = judged(run)) {
    out += tile("accuracy", percent_text(accuracy_of(*step)), "by " + step->name);
  }
  if (const Choice choice = choice_of(run); choice.best != nullptr) {
    out +=
        tile("best of " + std::to_string(choice.candidates), shorten_middle(choice.best->name, 26),
             percent_text(choice.value) + " on validation");
  }
  if (!run.models.empty()) {
    const Model& model = run.models.back();
    out += tile("registered", model.name, "version " + model.version);
  }
  out += tile("time", seconds_text(total_seconds(run)), "from start to report");
  out += tile("steps", fmt::format("{} of {}", finished(run), run.steps.size()),
              "done before the report");
  return "<div class=\"tiles\">" + out + "</div>\n";
}

}  // namespace

std::string header_html(const PageInput& input) {
  const RunRecord& run = input.run;
  const std::string title = input.title.empty() ? run.pipeline : input.title;
  std::string facts;
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) facts += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
  };
  fact("pipeline", escape(run.pipeline));
  fact("namespace", escape(run.name_space));
  fact("run", fmt::format("<b>{}</b> <code class=\"full\">{}</code>", escape(run.id.substr(0, 8)),
                          escape(run.id)));
  fact("started", escape(time_text(run.started_us)));
  fact("took", escape(seconds_text(total_seconds(run))));
  fact("backend", escape(run.backend));
  return fmt::format(
      "<header class=\"{0}\"><div class=\"inner\"><h1>{1} <span class=\"pill\">{2} {3}</span></h1>"
      "<dl>{4}</dl></div></header>\n",
      status_class(run.status), escape(title), status_glyph(run.status), escape(run.status), facts);
}

std::string meaning_html(const RunRecord& run) {
  std::string out = tiles(run);
  for (const std::string& sentence : meaning(run)) {
    out += fmt::format("<p class=\"lead\">{}</p>\n", escape(sentence));
  }
  return out;
}

std::string failures_html(const RunRecord& run) {
  std::string out;
  for (const Step& step : run.steps) {
    if (step.status != "failed") continue;
    const Failure failure = step.failure.value_or(Failure{});
    const std::string attempts =
        step.attempts > 1 ? fmt::format(" after {} attempts", step.attempts) : "";
    out += fmt::format(
        "<div class=\"failure\"><h3>{} failed{}{}</h3><pre>{}</pre>", escape(step.name), attempts,
        failure.cause.empty() ? "" : fmt::format(" <em>{}</em>", escape(failure.cause)),
        escape(failure.message.empty() ? "no message" : failure.message));
    if (!failure.last_lines.empty()) {
      out += fmt::format("<h4>last lines</h4><pre class=\"log\">{}</pre>",
                         escape(fmt::format("{}", fmt::join(failure.last_lines, "\n"))));
    }
    out += "</div>\n";
  }
  return out;
}

std::string next_html(const RunRecord& run) {
  std::string out;
  for (const Advice& advice : next_steps(run)) {
    out += fmt::format("<li><pre class=\"command\">{}</pre><span>{}</span></li>\n",
                       escape(advice.command), escape(advice.why));
  }
  return out.empty() ? out : "<ul class=\"next\">\n" + out + "</ul>\n";
}

}  // namespace scanflow::report
