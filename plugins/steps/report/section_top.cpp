// What one reads first: header, failures, meaning, what to do next.
#include <fmt/format.h>

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

/// "model=cnn2" of "train[model=cnn2]": the part that tells candidates apart.
std::string candidate(const Step& step) {
  const bool instance = step.name.size() > step.base.size() + 2 && step.name.starts_with(step.base);
  return instance ? step.name.substr(step.base.size() + 1, step.name.size() - step.base.size() - 2)
                  : step.name;
}

std::string progress(const RunRecord& run) {
  std::size_t all = 0, done = 0;
  for (const Step& step : run.steps) {
    if (step.name == run.self) continue;
    ++all;
    done += step.status == "succeeded" || step.status == "cached" || step.status == "skipped";
  }
  return fmt::format("{} of {}", count_text(done), count_text(all));
}

std::string tiles(const RunRecord& run) {
  std::string out;
  if (const Step* step = judged(run)) {
    out += tile("accuracy", percent_text(accuracy_of(*step)), "by " + step->name);
  }
  if (const Choice choice = choice_of(run); choice.best != nullptr) {
    out += tile(fmt::format("best of {} · {}", choice.candidates, choice.best->base),
                shorten_middle(candidate(*choice.best), 40),
                percent_text(choice.value) + " on validation");
  }
  if (!run.models.empty()) {
    const Model& model = run.models.back();
    out += tile("registered", model.name, "version " + model.version);
  }
  out += tile("time", seconds_text(total_seconds(run)), "from start to report");
  out += tile("steps", progress(run), "done, cached or skipped");
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
