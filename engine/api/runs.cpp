#include "engine/api/runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/api/run_logs.hpp"
#include "engine/runtime/action.hpp"
#include "engine/runtime/primitive.hpp"
#include "engine/runtime/run_facts.hpp"
#include "engine/runtime/run_locks.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::api {
namespace {

Answer<store::RunCursor> cursor_of(const std::string& text) {
  const std::size_t dash = text.find('-');
  store::RunCursor cursor;
  const char* const end = text.data() + std::min(dash, text.size());
  const auto [rest, error] = std::from_chars(text.data(), end, cursor.created_us);
  if (dash == std::string::npos || error != std::errc() || rest != end)
    return wrong("cursor: this is not the 'next' of a page before");
  cursor.id = text.substr(dash + 1);
  return cursor;
}

Answer<store::RunFilter> filter_of(const RunQuery& query) {
  static const std::vector<std::string> known{"queued", "running",   "interrupted",
                                              "failed", "cancelled", "succeeded"};
  store::RunFilter filter;
  for (const std::string& status : query.statuses) {
    if (std::find(known.begin(), known.end(), status) == known.end())
      return wrong(fmt::format("no run is '{}'; they are: {}", status.substr(0, 100),
                               fmt::join(known, ", ")));
  }
  filter.limit = query.limit;
  filter.statuses = query.statuses;
  if (!query.name_space.empty()) filter.name_space = query.name_space;
  if (!query.pipeline.empty()) filter.pipeline = query.pipeline;
  if (!query.labels.empty()) {
    auto labels = LabelSelector::parse(query.labels);
    if (!labels) return wrong(labels.error().message);
    filter.labels = std::move(*labels);
  }
  if (!query.since.empty()) {
    const auto age = parse_duration(query.since);
    if (!age) return wrong("since: " + age.error().message);
    filter.since_us = wall_us() - *age;
  }
  if (!query.cursor.empty()) {
    auto cursor = cursor_of(query.cursor);
    if (!cursor) return tl::unexpected(cursor.error());
    filter.after = std::move(*cursor);
  }
  return filter;
}

class StoredRuns : public Runs {
 public:
  StoredRuns(runtime::StateDirectory state, std::unique_ptr<store::Store> store)
      : state_(std::move(state)), store_(std::move(store)) {}

  Answer<json> list(const RunQuery& query) override {
    auto filter = filter_of(query);
    if (!filter) return tl::unexpected(filter.error());
    const auto is_wanted = [&](const json& run) {
      const auto& wanted = query.statuses;
      return wanted.empty() ||
             std::find(wanted.begin(), wanted.end(), run["status"]) != wanted.end();
    };
    // Interrupted ones are stored as running.
    std::replace(filter->statuses.begin(), filter->statuses.end(), std::string("interrupted"),
                 std::string("running"));
    json list = json::array();
    for (;;) {
      const std::size_t wanted = query.limit - list.size();
      filter->limit = wanted + 1;  // is there a next page?
      auto runs = rows(*filter);
      if (!runs) return broken(runs.error().message);
      const bool more = runs->size() > wanted;
      if (more) runs->pop_back();
      for (const store::RunRow& run : *runs) {
        if (json summary = summary_of(run); is_wanted(summary)) list.push_back(std::move(summary));
      }
      if (!more) return json{{"runs", std::move(list)}, {"next", nullptr}};
      const store::RunRow& last = runs->back();
      if (list.size() == query.limit)
        return json{{"runs", std::move(list)},
                    {"next", fmt::format("{}-{}", last.created_us, last.id)}};
      filter->after = {last.created_us, last.id};
    }
  }

  Answer<std::string> find(const std::string& prefix) override {
    if (!store_) {
      return missing(
          fmt::format("there are no runs in {} yet; run a pipeline, or name the state "
                      "directory with --state",
                      state_.root.string()));
    }
    const bool newest = prefix.empty() || prefix == "last";
    const auto found = newest ? store_->runs({.limit = 1}) : store_->find_runs(prefix);
    if (!found) return broken(found.error().message);
    if (found->size() == 1) return found->front().id;
    if (newest) return missing("there are no runs yet in " + state_.root.string());
    if (found->empty()) {
      return missing(fmt::format("no run '{}' in {}: 'scanflow runs list' shows them", prefix,
                                 state_.root.string()));
    }
    std::string message = fmt::format("'{}' is not one run:", prefix);
    for (std::size_t i = 0; i < found->size() && i < 8; ++i) {
      message +=
          fmt::format("\n  {}  {}  {}", (*found)[i].id, (*found)[i].pipeline, (*found)[i].status);
    }
    return wrong(message + "\ngive more of its id");
  }

  Answer<json> show(const std::string& run) override {
    const auto row = row_of(run);
    if (!row) return tl::unexpected(row.error());
    const auto steps = store_->steps(run);
    if (!steps) return broken(steps.error().message);
    const std::string status = status_of(*row);
    runtime::RunFacts facts = runtime::run_facts(*store_, *row, *steps);
    if (row->ended_us == 0 && status != "interrupted") facts.now_us = wall_us();
    json result = runtime::result_document(*row, *steps, facts);
    result["status"] = status;
    result["created_us"] = row->created_us;
    result["ended_us"] = row->ended_us;
    result["trigger"] = row->trigger;
    json asked = json::array();
    if (auto added = add_primitives(run, "", facts.called, asked); !added)
      return tl::unexpected(added.error());
    result["primitives"] = std::move(asked);
    return result;
  }

  Answer<json> primitives(const std::string& run) override {
    if (auto row = row_of(run); !row) return tl::unexpected(row.error());
    json asked = json::array();
    if (auto added = add_primitives(run, "", runtime::called_runs(*store_, run), asked); !added)
      return tl::unexpected(added.error());
    return asked;
  }

  Answer<json> primitive(const std::string& id) override {
    const auto row = store_ ? store_->command(id) : Result<std::optional<store::CommandRow>>();
    if (!row) return broken(row.error().message);
    if (!*row) return missing(fmt::format("nothing was asked with the id {}", id.substr(0, 100)));
    return runtime::command_document(**row);
  }

  Answer<json> actions(const ActionQuery& query) override {
    store::ActionFilter filter{query.kind, query.name_space, query.name, 0,
                               std::min(query.limit, kMostActions) + 1};
    if (!query.cursor.empty()) {
      const char* const end = query.cursor.data() + query.cursor.size();
      const auto [read, error] = std::from_chars(query.cursor.data(), end, filter.before);
      if (error != std::errc() || read != end || filter.before <= 0)
        return wrong("the cursor is none of a list of actions");
    }
    auto rows = store_ ? store_->actions(filter) : Result<std::vector<store::ActionRow>>();
    if (!rows) return broken(rows.error().message);
    const bool more = rows->size() == filter.limit;
    if (more) rows->pop_back();
    json list = json::array();
    for (const store::ActionRow& row : *rows) list.push_back(runtime::action_document(row));
    return json{{"actions", std::move(list)},
                {"next", more ? json(std::to_string(rows->back().number)) : json()}};
  }

  Answer<json> action(const std::string& id) override {
    const auto row = store_ ? store_->action(id) : Result<std::optional<store::ActionRow>>();
    if (!row) return broken(row.error().message);
    if (!*row) return missing(fmt::format("nothing was asked with the id {}", id.substr(0, 100)));
    return runtime::action_document(**row);
  }

  Answer<json> events(const std::string& run, std::int64_t after, std::size_t limit) override {
    if (auto row = row_of(run); !row) return tl::unexpected(row.error());
    const auto rows = store_->events(run, after, limit, kPageBytes);
    if (!rows) return broken(rows.error().message);
    json list = json::array();
    std::size_t bytes = 0;
    for (const store::EventRow& row : *rows) {
      bytes += row.body.size();
      json body = json::parse(row.body, nullptr, false);
      body["seq"] = row.seq;
      list.push_back(std::move(body));
    }
    const bool full = rows->size() >= limit || bytes >= kPageBytes;
    return json{{"events", std::move(list)}, {"next", full ? json(rows->back().seq) : json()}};
  }

  Answer<std::unique_ptr<LogReader>> logs(const std::string& run,
                                          const std::string& step) override {
    auto parts = parts_of(run, step);
    if (!parts) return tl::unexpected(parts.error());
    return read_parts(std::move(*parts));
  }

  Answer<json> log_documents(const std::string& run, const std::string& step,
                             std::size_t most) override {
    auto parts = parts_of(run, step);
    if (!parts) return tl::unexpected(parts.error());
    json documents = json::array();
    std::size_t bytes = 0;
    for (LogPart& part : *parts) {
      part.titled = false;
      json document = {{"step", part.step}, {"attempt", part.attempt}};
      std::string text;
      const auto reader = read_parts({std::move(part)});
      for (;;) {
        auto piece = reader->next();
        if (!piece) return tl::unexpected(piece.error());
        if (piece->empty()) break;
        text += *piece;
        bytes += piece->size();
        if (bytes > most)
          return wrong(
              "these logs are too long for a document: ask for those of one step, or for text");
      }
      document["log"] = std::move(text);
      documents.push_back(std::move(document));
    }
    return documents;
  }

 private:
  Result<std::vector<store::RunRow>> rows(const store::RunFilter& filter) {
    return store_ ? store_->runs(filter) : Result<std::vector<store::RunRow>>();
  }

  Answer<store::RunRow> row_of(const std::string& run) {
    auto found = store_ ? store_->find_runs(run) : Result<std::vector<store::RunRow>>();
    if (!found) return broken(found.error().message);
    if (found->size() == 1 && found->front().id == run) return std::move(found->front());
    return missing(fmt::format("no run {}", run));
  }

  Answer<std::vector<LogPart>> parts_of(const std::string& run, const std::string& step) {
    if (auto row = row_of(run); !row) return tl::unexpected(row.error());
    return log_parts(state_, *store_, run, step);
  }

  /// Those of the run, then those of the runs that it called, in the order in which they were asked
  /// for.
  Answer<void> add_primitives(const std::string& run, const std::string& within,
                              const runtime::CalledRuns& called, json& all) {
    const auto rows = store_->commands(run);
    if (!rows) return broken(rows.error().message);
    for (const store::CommandRow& row : *rows)
      all.push_back(runtime::command_document(row, within));
    for (const auto& [step, id] : called) {
      const std::string path = within + step + "/";
      auto added = add_primitives(id, path, runtime::called_runs(*store_, id), all);
      if (!added) return added;
    }
    const auto earlier = [](const json& a, const json& b) {
      return a["issued_us"] < b["issued_us"];
    };
    if (within.empty()) std::stable_sort(all.begin(), all.end(), earlier);
    return {};
  }

  std::string status_of(const store::RunRow& run) const {
    return run.status == "running" && !runtime::goes_on(state_, run.id) ? "interrupted"
                                                                        : run.status;
  }

  json summary_of(const store::RunRow& run) const {
    return {{"run", run.id},
            {"pipeline", run.pipeline},
            {"namespace", run.name_space},
            {"version", run.version > 0 ? json(run.version) : json()},
            {"labels", run.labels.empty() ? json::object() : json::parse(run.labels)},
            {"status", status_of(run)},
            {"trigger", run.trigger},
            {"created_us", run.created_us},
            {"ended_us", run.ended_us},
            {"steps", run.steps},
            {"done", run.done},
            {"summary", run.summary}};
  }

  const runtime::StateDirectory state_;
  const std::unique_ptr<store::Store> store_;  // null: there is no database yet
};

}  // namespace

Answer<std::unique_ptr<Runs>> open_runs(const runtime::StateDirectory& state) {
  std::unique_ptr<store::Store> store;
  if (store::Store::exists(state.root)) {
    auto opened = store::Store::open_read_only(state.root);
    if (!opened) return broken(opened.error().message);
    store = std::move(*opened);
  }
  return std::make_unique<StoredRuns>(state, std::move(store));
}

}  // namespace scanflow::api
