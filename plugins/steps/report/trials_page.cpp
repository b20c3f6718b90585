#include "plugins/steps/report/trials_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/page.hpp"
#include "plugins/steps/report/plot.hpp"
#include "plugins/steps/report/sections.hpp"

namespace scanflow::report {
namespace {

constexpr std::size_t kWindow = 100;        // requests of one point
constexpr std::size_t kMostLines = 5;       // trials in a plot
constexpr const char* kAbsent = "&ndash;";  // there is no such figure

struct Known {
  const char* word;
  const char* meaning;
};
const std::map<std::string, std::string>& scenarios() {
  static const std::map<std::string, std::string> all = {
      {"sudden", "the digits change from one request to the next"},
      {"gradual", "they change step by step"},
      {"recurring", "they change, are as before, and change again"},
      {"late", "labels come late"},
      {"poisoned",
       "the labels that are learnt from are wrong: the gate must refuse what was learnt"},
      {"clean", "nothing changes: whatever is retrained is retrained for nothing"}};
  return all;
}
const std::vector<Known>& contestants() {
  static const std::vector<Known> all = {
      {"loop", "the agents"},
      {"nothing", "the first model goes on"},
      {"more-epochs", "as many epochs more, without new data"},
      {"scheduled", "retraining by the calendar, with as many labels, of any requests"},
      {"augmented", "who knows the drift beforehand trains with it from the start"}};
  return all;
}

using Group = std::vector<const Trial*>;
std::vector<std::pair<std::string, Group>> by_scenario(const std::vector<Trial>& trials) {
  std::vector<std::pair<std::string, Group>> groups;
  for (const Trial& each : trials) {
    if (groups.empty() || groups.back().first != each.scenario)
      groups.push_back({each.scenario, {}});
    groups.back().second.push_back(&each);
  }
  return groups;
}

std::optional<Mean> mean_over(
    const Group& group,
    const std::function<std::optional<double>(const Trial&, const TrialFigures&)>& figure) {
  std::vector<double> values;
  for (const Trial* each : group)
    if (const auto value = figure(*each, figures_of(*each))) values.push_back(*value);
  return mean_of(values);
}

std::string percent(const std::optional<Mean>& mean) {
  if (!mean) return kAbsent;
  if (mean->count < 2) return fmt::format("{:.1f} %", 100 * mean->mean);
  return fmt::format("{:.1f} ± {:.1f} %", 100 * mean->mean, 100 * mean->half);
}
std::string plain(const std::optional<Mean>& mean, const char* unit) {
  if (!mean) return kAbsent;
  if (mean->count < 2) return fmt::format("{:.1f}{}", mean->mean, unit);
  return fmt::format("{:.1f} ± {:.1f}{}", mean->mean, mean->half, unit);
}

Curve curve_of(const std::string& label, const std::vector<bool>& right, int color, int dash) {
  Curve curve{label, {}, color, dash};
  for (std::size_t from = 0; from + kWindow <= right.size(); from += kWindow)
    curve.points.push_back(
        {static_cast<double>(from + kWindow), accuracy(right, from, from + kWindow)});
  return curve;
}

const char* word_of(TrialEvent::Kind kind) {
  switch (kind) {
    case TrialEvent::Kind::drift:
      return "drift";
    case TrialEvent::Kind::detected:
      return "noticed";
    case TrialEvent::Kind::retraining:
      return "retrains";
    case TrialEvent::Kind::promoted:
      return "promoted, swapped";
    default:
      return "refused";
  }
}

std::string trials_plot(const Group& group) {
  std::vector<Curve> curves = {
      curve_of("the first model for ever", group.front()->right_of_nothing, 7, 1)};
  for (std::size_t i = 0; i < std::min(group.size(), kMostLines); ++i)
    curves.push_back(curve_of(fmt::format("the loop, seed {}", group[i]->seed), group[i]->right,
                              static_cast<int>(i), 0));
  std::vector<Mark> marks;
  for (const TrialEvent& each : group.front()->events)
    marks.push_back({each.request, word_of(each.kind)});
  std::string legend;
  for (const Curve& each : curves)
    if (!each.points.empty())
      legend += fmt::format("<span class=\"s{} d{}\"><i></i>{} <b>{}</b></span>", each.color,
                            each.dash, escape(each.label), number_text(each.points.back().y));
  return fmt::format(
      "<div class=\"plots wide\"><figure><h3>Accuracy of each {} requests, over requests (marks: "
      "seed {})</h3>"
      "{}<figcaption>{}</figcaption></figure></div>\n",
      kWindow, group.front()->seed, plot_svg("accuracy over requests", curves, marks), legend);
}

std::string row(const std::string& head, const std::vector<std::string>& cells) {
  std::string out = "<tr><th scope=\"row\">" + head + "</th>";
  for (const std::string& each : cells) out += "<td class=\"number\">" + each + "</td>";
  return out + "</tr>\n";
}

std::string finals_table(const Group& group) {
  std::string rows;
  for (const Known& who : contestants()) {
    const auto of = [&](bool drifted) {
      return mean_over(group,
                       [&](const Trial& trial, const TrialFigures&) -> std::optional<double> {
                         const auto found = trial.finals.find(who.word);
                         if (found == trial.finals.end()) return std::nullopt;
                         return drifted ? found->second.second : found->second.first;
                       });
    };
    rows += row(fmt::format("{}<small class=\"muted\"> {}</small>", who.word, who.meaning),
                {percent(of(false)), percent(of(true))});
  }
  return "<h3>In the end, on digits that nobody had looked at</h3><div class=\"scroll\"><table>"
         "<thead><tr><th></th><th class=\"number\">clean</th><th class=\"number\">drifted</th></tr>"
         "</thead><tbody>" +
         rows + "</tbody></table></div>\n";
}

std::string course_table(const Group& group) {
  using F = std::optional<double>;
  std::string rows;
  const auto add = [&](const char* head, const std::string& cell) { rows += row(head, {cell}); };
  add("accuracy before the drift",
      percent(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.clean; })));
  add("from the drift until a better model served",
      percent(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.fallen; })));
  add("over the last 500 requests",
      percent(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.regained; })));
  add("the first model, on the same",
      percent(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.untended; })));
  add("noticed after",
      plain(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.detected_s; }),
            " s"));
  add("a better model served after",
      plain(mean_over(group, [](const Trial&, const TrialFigures& f) { return f.recovered_s; }),
            " s"));
  add("retrainings", plain(mean_over(group,
                                     [](const Trial&, const TrialFigures& f) -> F {
                                       return static_cast<double>(f.retrainings);
                                     }),
                           ""));
  add("of them refused by the gate", plain(mean_over(group,
                                                     [](const Trial&, const TrialFigures& f) -> F {
                                                       return static_cast<double>(f.refusals);
                                                     }),
                                           ""));
  add("labels that were asked for", plain(mean_over(group,
                                                    [](const Trial& t, const TrialFigures&) -> F {
                                                      return static_cast<double>(t.labels);
                                                    }),
                                          ""));
  add("CPU-seconds of training",
      plain(mean_over(group,
                      [](const Trial& t, const TrialFigures&) -> F { return t.train_seconds; }),
            " s"));
  add("requests that failed", plain(mean_over(group,
                                              [](const Trial& t, const TrialFigures&) -> F {
                                                return static_cast<double>(t.failed);
                                              }),
                                    ""));
  add("p99 of answers, as the client saw them",
      plain(mean_over(group, [](const Trial& t, const TrialFigures&) -> F { return t.p99_ms; }),
            " ms"));
  return "<h3>What happened</h3><div class=\"scroll\"><table><tbody>" + rows +
         "</tbody></table></div>\n";
}

struct Falsely {
  std::size_t retrainings = 0, requests = 0;
};
Falsely falsely(const std::vector<Trial>& trials) {
  Falsely all;
  for (const Trial& each : trials) {
    const TrialFigures figures = figures_of(each);
    all.retrainings += figures.false_retrainings;
    all.requests += figures.clean_requests;
  }
  return all;
}

std::string falsely_text(const std::vector<Trial>& trials) {
  const Falsely all = falsely(trials);
  if (all.requests == 0) return "";
  return fmt::format(
      "{} false retrainings in {} clean requests: {:.2f} per 10,000", all.retrainings,
      count_text(all.requests),
      1e4 * static_cast<double>(all.retrainings) / static_cast<double>(all.requests));
}

std::string trials_tile(const char* what, const std::string& figure, const std::string& more) {
  return fmt::format("<div class=\"tile\"><span>{}</span><b>{}</b><small>{}</small></div>", what,
                     figure, more);
}

std::string tiles_of(const Group& group) {
  const auto clean = mean_over(group, [](const Trial&, const TrialFigures& f) { return f.clean; });
  const auto fallen =
      mean_over(group, [](const Trial&, const TrialFigures& f) { return f.fallen; });
  const auto regained =
      mean_over(group, [](const Trial&, const TrialFigures& f) { return f.regained; });
  const auto seconds =
      mean_over(group, [](const Trial&, const TrialFigures& f) { return f.recovered_s; });
  return "<div class=\"tiles\">" + trials_tile("before the drift", percent(clean), "accuracy") +
         trials_tile("while it drifted", percent(fallen), "accuracy, until a better model served") +
         trials_tile("regained, by itself", percent(regained),
                     "accuracy of the last 500 requests") +
         trials_tile("a better model after", plain(seconds, " s"),
                     "noticed, labelled, learnt, judged, "
                     "promoted, swapped") +
         "</div>\n";
}

}  // namespace

std::string make_trials_page(const std::vector<Trial>& trials, std::int64_t now_us) {
  std::string body =
      "<header class=\"st-succeeded\"><div class=\"inner\"><h1>A service that looks after itself"
      "</h1><p class=\"lead\">Handwritten digits, read online; they drift, and agents notice, "
      "retrain, promote and swap.</p></div></header>\n<main>\n";
  for (const auto& [scenario, group] : by_scenario(trials)) {
    const auto meaning = scenarios().find(scenario);
    body += section(scenario, scenario,
                    fmt::format("<p class=\"lead\">{} ({})</p>\n",
                                escape(meaning == scenarios().end() ? "" : meaning->second),
                                plural(group.size(), "seed")) +
                        tiles_of(group) + trials_plot(group) + finals_table(group) +
                        course_table(group));
  }
  body += section("false", "Retrained for nothing", "<p>" + falsely_text(trials) + "</p>\n");
  body += section(
      "how", "How to read this",
      "<p>Parts of the data are disjoint: what the models learn, what the client sends, what "
      "judges "
      "candidates (the gate), and what is measured in the end. Labels are true ones: they come "
      "later, at a counted cost, for requests that the detector finds critical, some of which only "
      "judge. Intervals are of 95 % (Student's t) over seeds; a seed gives the "
      "same split, stream and networks, while what the agents decide depends on when they do. "
      "Rivals are trained with the same network; the scheduled one as if it had all its labels at "
      "once.</p>\n");
  body += "</main>\n";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n"
      "<title>The closed loop</title>\n<style>{}</style>\n</head>\n<body>\n{}"
      "<footer>Written by Scanflow's report.trials at {}.</footer>\n</body>\n</html>\n",
      style_sheet(), body, time_text(now_us));
}

std::string trials_summary(const std::vector<Trial>& trials) {
  std::string text;
  for (const auto& [scenario, group] : by_scenario(trials)) {
    const auto of = [&](const std::function<std::optional<double>(const TrialFigures&)>& figure) {
      return mean_over(group, [&](const Trial&, const TrialFigures& f) { return figure(f); });
    };
    std::string line = fmt::format(
        "{} ({}): clean {}, fallen to {}, regained {} (untended {}); noticed after {}, better "
        "after "
        "{}\n",
        scenario, plural(group.size(), "seed"), percent(of([](auto& f) { return f.clean; })),
        percent(of([](auto& f) { return f.fallen; })),
        percent(of([](auto& f) { return f.regained; })),
        percent(of([](auto& f) { return f.untended; })),
        plain(of([](auto& f) { return f.detected_s; }), " s"),
        plain(of([](auto& f) { return f.recovered_s; }), " s"));
    for (auto at = line.find(kAbsent); at != std::string::npos; at = line.find(kAbsent))
      line.replace(at, std::string_view(kAbsent).size(), "-");
    text += line;
  }
  return text + falsely_text(trials);
}

}  // namespace scanflow::report
