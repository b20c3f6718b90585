#include "tests/durability/record.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/runtime/active_run.hpp"
#include "sdk/base/digest.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

loader::Catalog catalog(const runtime::RunOptions& options) {
  loader::SearchPath path =
      loader::search_path(options.plugin_dirs, SCANFLOW_BINARY_DIR "/lib/scanflow/plugins");
  path.worker = SCANFLOW_BINARY_DIR "/bin/scanflow-worker";
  return loader::Catalog::discover(path).value();
}

/// What follows from the events alone: all columns but the places of logs.
std::string text(const store::RunRow& row) {
  return json{row.pipeline, row.name_space, row.status,   row.file,        row.backend,
              row.summary,  row.created_us, row.ended_us, row.steps,       row.done,
              row.failed,   row.labels,     row.parent,   row.parent_step, row.retry_of,
              row.trigger,  row.group,      row.digest,   row.version,     row.priority}
      .dump();
}

std::string text(const store::StepRow& row) {
  return json{row.position, row.id,         row.status,   row.uses,    row.cause,    row.message,
              row.attempts, row.started_us, row.ended_us, row.outputs, row.artifacts}
      .dump();
}

void check_projection(const store::Store& store, const store::RunRow& shown) {
  const auto events = store.events(shown.id).value();
  ASSERT_FALSE(events.empty()) << shown.id;
  const run::Event created = run::from_json(json::parse(events[0].body));
  runtime::Submission submission = runtime::submission_from_json(*created.data);
  auto prepared = runtime::prepare(
      submission, std::make_shared<const loader::Catalog>(catalog(submission.options)),
      created.data.get());
  ASSERT_TRUE(prepared) << prepared.error().message;
  runtime::ActiveRun rebuilt(shown.id, std::move(submission), std::move(*prepared), created.time_us,
                             runtime::Keep::in_store);
  for (std::size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].seq, static_cast<std::int64_t>(i + 1)) << "a gap in the events";
    const json document = json::parse(events[i].body);
    run::Event event = run::from_json(document);
    if (document.contains("step")) event.step = rebuilt.index_of(document.at("step"));
    rebuilt.replay(event, events[i].seq);
  }
  EXPECT_EQ(text(shown), text(rebuilt.row()));
  const auto steps = store.steps(shown.id).value();
  ASSERT_EQ(steps.size(), rebuilt.machine().size());
  for (const store::StepRow& step : steps)
    EXPECT_EQ(text(step), text(rebuilt.step_row(step.position)));
}

void check_digests(const std::string& text) {
  if (text.empty()) return;
  const json artifacts = json::parse(text);
  for (const auto& [name, artifact] : artifacts.items()) {
    if (artifact.value("directory", false)) continue;  // its digest is of a list
    const std::string content = read(artifact.at("path").get<std::string>());
    EXPECT_EQ(sha256_hex(content), artifact.at("sha256")) << name << " " << artifact;
  }
}

}  // namespace

std::vector<Start> read_evidence(const std::filesystem::path& file) {
  std::vector<Start> starts;
  std::ifstream stream(file);
  for (Start start; stream >> start.run >> start.step >> start.attempt;) starts.push_back(start);
  return starts;
}

Record::Record(const std::filesystem::path& state) : state_(state) {
  auto opened = store::Store::open_read_only(state);
  if (opened) store_ = std::move(*opened);
}

std::vector<store::RunRow> Record::runs() const {
  if (!store_) return {};
  return store_->runs({.children_of = std::nullopt, .limit = 1000}).value();
}

std::vector<store::EventRow> Record::events(const std::string& run) const {
  return store_->events(run).value();
}

std::vector<store::StepRow> Record::steps(const std::string& run) const {
  return store_->steps(run).value();
}

std::set<std::pair<std::string, std::string>> Record::succeeded() const {
  std::set<std::pair<std::string, std::string>> found;
  for (const store::RunRow& run : runs()) {
    for (const store::EventRow& event : events(run.id)) {
      const json document = json::parse(event.body);
      const std::string type = document.at("type");
      const bool ended = type == "attempt_ended" || type == "step_cached";
      if (ended && !document.contains("cause")) found.emplace(run.id, document.at("step"));
    }
  }
  return found;
}

std::string Record::integrity() const {
  sqlite3* handle = nullptr;
  sqlite3_open_v2((state_ / "scanflow.db").c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  std::string said;
  sqlite3_exec(
      handle, "PRAGMA integrity_check",
      [](void* text, int, char** columns, char**) {
        *static_cast<std::string*>(text) += columns[0];
        return 0;
      },
      &said, nullptr);
  sqlite3_close(handle);
  return said;
}

void Record::check_starts(const std::vector<Start>& starts,
                          const std::vector<Moment>& moments) const {
  std::set<Start> recorded, seen;
  for (const store::RunRow& run : runs()) {
    for (const store::EventRow& event : events(run.id)) {
      const json document = json::parse(event.body);
      if (document.at("type") != "attempt_started") continue;
      recorded.insert(
          {run.id, document.at("step"), std::to_string(document.at("attempt").get<int>())});
    }
  }
  for (const Start& start : starts) {
    const std::string what = start.step + " attempt " + start.attempt + " of " + start.run;
    EXPECT_TRUE(seen.insert(start).second) << what << " ran twice";
    EXPECT_TRUE(recorded.contains(start)) << what << " is not recorded";
  }
  for (const Moment& moment : moments) {
    for (std::size_t i = moment.starts; i < starts.size(); ++i) {
      EXPECT_FALSE(moment.succeeded.contains({starts[i].run, starts[i].step}))
          << starts[i].step << " started though its success was committed";
    }
  }
}

void Record::check_projections() const {
  for (const store::RunRow& run : runs()) check_projection(*store_, run);
}

void Record::check_artifacts() const {
  for (const store::RunRow& run : runs()) {
    for (const store::StepRow& step : steps(run.id)) check_digests(step.artifacts);
  }
}

}  // namespace scanflow::test
