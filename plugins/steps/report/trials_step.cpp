#include "plugins/steps/report/trials_step.hpp"

#include <chrono>
#include <fstream>

#include "plugins/steps/report/trials_page.hpp"

namespace scanflow::report {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) throw Error(path.string() + ": the report could not be written; is the disk full?");
}

}  // namespace

Description TrialsReport::describe() {
  return {.id = "report.trials",
          .version = "1.0.0",
          .summary = "Writes one self-contained HTML page about trials of a closed loop",
          .outputs = {{"trials", "integer", "that there are"}},
          .artifacts = {{"report", "a directory with index.html, for a browser, and summary.txt"}}};
}

nlohmann::json TrialsReport::run(Context& context) {
  const std::vector<Trial> trials = read_trials(config_.path);
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const std::string page = make_trials_page(trials, now_us);
  const std::string summary = trials_summary(trials);
  const std::filesystem::path directory = context.artifact_directory("report");
  write(directory / "index.html", page);
  write(directory / "summary.txt", summary + "\n");
  return {{"trials", trials.size()}, {"summary", summary}};
}

}  // namespace scanflow::report
