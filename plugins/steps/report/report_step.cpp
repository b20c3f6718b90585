#include "plugins/steps/report/report_step.hpp"

#include <fmt/format.h>

#include <fstream>

#include "plugins/steps/report/format.hpp"
#include "plugins/steps/report/page.hpp"

namespace scanflow::report {
namespace {

constexpr std::size_t kMostDigits = 48;  // pictures a step

std::vector<Gallery> galleries_of(const RunRecord& run) {
  std::vector<Gallery> galleries;
  for (const Step& step : run.steps) {
    for (const Artifact& artifact : step.artifacts) {
      if (artifact.name != "misclassified" || !artifact.directory) continue;
      Gallery gallery{step.name, {}, ""};
      try {
        gallery.digits = read_wrong_digits(artifact.path, kMostDigits);
      } catch (const std::exception& error) {
        gallery.problem = error.what();  // a report with a gap is better than none
      }
      galleries.push_back(std::move(gallery));
    }
  }
  return galleries;
}

}  // namespace

Description Report::describe() {
  return {.id = "report.html",
          .version = "1.0.0",
          .summary = "Writes one self-contained HTML page about the run",
          .outputs = {{"bytes", "integer", "size of the page"}},
          .artifacts = {{"report", "a directory with index.html: open it in a browser"}}};
}

nlohmann::json Report::run(Context& context) {
  RunRecord run = parse_run(context.run_state(), context.step_id());
  std::vector<Gallery> galleries = galleries_of(run);
  context.throw_if_cancelled();
  const std::size_t steps = run.steps.size();
  const std::string page = make_page({std::move(run), config_.title, std::move(galleries)});
  const std::filesystem::path path = context.artifact_directory("report") / "index.html";
  std::ofstream file(path, std::ios::binary);
  file.write(page.data(), static_cast<std::streamsize>(page.size()));
  file.close();
  if (!file) throw Error(path.string() + ": the report could not be written; is the disk full?");
  return {{"bytes", page.size()},
          {"summary",
           fmt::format("a page of {} about {}", bytes_text(page.size()), plural(steps, "step"))}};
}

}  // namespace scanflow::report
