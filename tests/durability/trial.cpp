#include "tests/durability/trial.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// How a run ended, without what differs between two of them.
json essence(const json& result) {
  json steps = json::object();
  for (const json& step : result.at("steps")) {
    const std::string status = step.at("status");
    json& kept = steps[step.at("name").get<std::string>()];
    kept["status"] = status == "cached" ? "succeeded" : status;
    kept["outputs"] = step.value("outputs", json::object());
    for (const char* counts_on : {"version", "summary"}) kept["outputs"].erase(counts_on);
    const json artifacts = step.value("artifacts", json::object());
    for (const auto& [name, artifact] : artifacts.items())
      kept["artifacts"][name] = artifact.at("sha256");
  }
  return {{"status", result.at("status")}, {"steps", steps}};
}

/// The end of a run that nobody disturbs.
const json& expected(const Scenario& scenario) {
  static std::map<std::string, json> known;
  json& found = known[scenario.name];
  if (found.is_null()) {
    Trial undisturbed(scenario);
    const Output output = undisturbed.live(0);
    found = essence(last_line(output));
    EXPECT_EQ(found["status"], scenario.status) << output.out << output.err;
  }
  return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace

Trial::Trial(const Scenario& scenario, std::size_t runs)
    : scenario_(scenario), evidence_(scanflow_.files() / "evidence") {
  for (const auto& [file, text] : scenario.files) scanflow_.files().write(file, text);
  for (std::size_t run = 0; run < runs; ++run) {
    scanflow_.files().write(
        name(run) + ".yaml",
        replaced(scenario.files.at("main.yaml"), "{name: " + scenario.name, "{name: " + name(run)));
  }
}

std::string Trial::name(std::size_t run) const { return scenario_.name + std::to_string(run); }

std::string Trial::id(std::size_t run) const {
  for (const store::RunRow& row : Record(scanflow_.state()).runs()) {
    if (row.pipeline == name(run)) return row.id;
  }
  return "";
}

Program::Environment Trial::environment(const std::string& fault) const {
  Program::Environment all = {{"EVIDENCE", evidence_}};
  if (fault.empty()) return all;
  all["LD_PRELOAD"] = SCANFLOW_BINARY_DIR "/tests/libscanflow_faults.so";
  all["SCANFLOW_FAULT"] = fault;
  all["SCANFLOW_FAULT_DIRECTORY"] = scanflow_.state();
  all["SCANFLOW_FAULT_MARK"] = scanflow_.files() / "fault";
  return all;
}

std::unique_ptr<Program> Trial::start(std::size_t run, const std::string& fault) const {
  const std::string known = id(run);
  std::vector<std::string> arguments = {"runs", "resume", known, "-o", "json"};
  if (known.empty())
    arguments = {"run", scanflow_.files() / (name(run) + ".yaml"), "-j", "4", "-o", "json"};
  return scanflow_.start(arguments, environment(fault));
}

Output Trial::live(std::size_t run, const std::string& fault) {
  Output output = start(run, fault)->wait();
  if (output.exit == kKilled) remember();
  return output;
}

Output Trial::live_for(std::size_t run, std::chrono::microseconds time) {
  const auto program = start(run);
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (program->running() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  program->signal(SIGKILL);
  Output output = program->wait();
  if (output.exit == kKilled) remember();
  return output;
}

Output Trial::cancel(std::size_t run, const std::string& fault) {
  const std::string known = id(run);
  if (known.empty()) return {};
  cancelled_ = true;
  const auto program = scanflow_.start({"runs", "cancel", known, "-o", "json"}, environment(fault));
  Output output = program->wait();
  if (output.exit == kKilled) remember();
  return output;
}

void Trial::remember() {
  Moment moment;
  moment.succeeded = Record(scanflow_.state()).succeeded();
  moment.starts = read_evidence(evidence_).size();  // after it: others may go on meanwhile
  moments_.push_back(std::move(moment));
}

bool Trial::fault_happened() const { return fs::remove(scanflow_.files() / "fault"); }

void Trial::finish(std::size_t run) { compare(live(run)); }

void Trial::retry(std::size_t run) {
  compare(scanflow_.start({"runs", "retry", id(run), "-o", "json"}, environment(""))->wait());
}

void Trial::compare(const Output& output) const {
  const json result = last_line(output);
  ASSERT_TRUE(result.is_object() && result.contains("steps"))
      << "exit " << output.exit << ": " << output.out << output.err;
  if (cancelled_ && result.at("status") == "cancelled") {
    EXPECT_EQ(output.exit, 130) << output.err;
    return;
  }
  EXPECT_EQ(output.exit, scenario_.status == "succeeded" ? 0 : 1) << output.out << output.err;
  EXPECT_EQ(essence(result), expected(scenario_));
}

void Trial::check_what_is_left() {
  EXPECT_TRUE(eventually([this] { return scanflow_.processes().empty(); }))
      << "processes are left: " << scanflow_.processes().size() << ", the first is "
      << read(fs::path("/proc") / std::to_string(scanflow_.processes().at(0)) / "cmdline");
  const Record record(scanflow_.state());
  for (const store::RunRow& run : record.runs()) EXPECT_GT(run.ended_us, 0) << run.pipeline;
  record.check_starts(read_evidence(evidence_), moments_);
  record.check_projections();
  record.check_artifacts();
  EXPECT_EQ(record.integrity(), "ok");
  for (const auto& entry : fs::recursive_directory_iterator(scanflow_.files() / "scanflow"))
    EXPECT_TRUE(entry.is_directory())
        << entry.path() << " is left; " << read(scanflow_.state() / "supervisor.log");
}

}  // namespace scanflow::test
