// What each call of MLflow's REST API does, within one transaction. Private to engine/track.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/store/artifacts.hpp"
#include "engine/track/db.hpp"
#include "engine/track/request.hpp"

namespace scanflow::track {

struct Session {
  Db db;
  std::int64_t now_ms = 0;
  const std::function<std::string()>& new_id;  // 32 hexadecimal digits
  const store::Artifacts* artifacts = nullptr;
};

// experiments.cpp
json create_experiment(const Session& session, const Fields& request);
json get_experiment(const Session& session, const Fields& request);
json get_experiment_by_name(const Session& session, const Fields& request);
json search_experiments(const Session& session, const Fields& request);
json update_experiment(const Session& session, const Fields& request);
json delete_experiment(const Session& session, const Fields& request);
json restore_experiment(const Session& session, const Fields& request);
json set_experiment_tag(const Session& session, const Fields& request);
json delete_experiment_tag(const Session& session, const Fields& request);

// runs.cpp
json create_run(const Session& session, const Fields& request);
json get_run(const Session& session, const Fields& request);
json search_runs(const Session& session, const Fields& request);
json update_run(const Session& session, const Fields& request);
json delete_run(const Session& session, const Fields& request);
json restore_run(const Session& session, const Fields& request);

// logging.cpp
json log_metric(const Session& session, const Fields& request);
json log_parameter(const Session& session, const Fields& request);
json log_batch(const Session& session, const Fields& request);
json set_tag(const Session& session, const Fields& request);
json delete_tag(const Session& session, const Fields& request);
json log_inputs(const Session& session, const Fields& request);
json log_model(const Session& session, const Fields& request);

// history.cpp: the text of a document
std::string metric_history(const Session& session, const Fields& request);

// logged_models.cpp
json create_logged_model(const Session& session, const Fields& request);
json get_logged_model(const Session& session, const Fields& request);
json finalize_logged_model(const Session& session, const Fields& request);
json delete_logged_model(const Session& session, const Fields& request);
json search_logged_models(const Session& session, const Fields& request);
json set_logged_model_tags(const Session& session, const Fields& request);
json delete_logged_model_tag(const Session& session, const Fields& request);
json log_logged_model_params(const Session& session, const Fields& request);
json list_logged_model_artifacts(const Session& session, const Fields& request);
json log_outputs(const Session& session, const Fields& request);

// artifact_calls.cpp
json list_artifacts(const Session& session, const Fields& request);

// models.cpp
json create_registered_model(const Session& session, const Fields& request);
json get_registered_model(const Session& session, const Fields& request);
json search_registered_models(const Session& session, const Fields& request);
json rename_registered_model(const Session& session, const Fields& request);
json update_registered_model(const Session& session, const Fields& request);
json delete_registered_model(const Session& session, const Fields& request);
json get_latest_versions(const Session& session, const Fields& request);
json set_registered_model_tag(const Session& session, const Fields& request);
json delete_registered_model_tag(const Session& session, const Fields& request);
json set_alias(const Session& session, const Fields& request);
json delete_alias(const Session& session, const Fields& request);
json get_version_by_alias(const Session& session, const Fields& request);

// versions.cpp
json create_model_version(const Session& session, const Fields& request);
json get_model_version(const Session& session, const Fields& request);
json search_model_versions(const Session& session, const Fields& request);
json update_model_version(const Session& session, const Fields& request);
json delete_model_version(const Session& session, const Fields& request);
json transition_stage(const Session& session, const Fields& request);
json get_download_uri(const Session& session, const Fields& request);
json set_model_version_tag(const Session& session, const Fields& request);
json delete_model_version_tag(const Session& session, const Fields& request);

/// "max_results".
struct PageSize {
  std::int64_t most = 0, otherwise = 0;
};
/// Of "filter", "order_by", "max_results" and "page_token".
struct Search {
  Sql where, order;
  std::int64_t most = 0;
  std::uint64_t offset = 0;
};
/// `last`: the order where request says none, or what it says tells no more apart.
Search search_of(const Fields& request, const Searchable& searchable, const KeyedTables& tables,
                 PageSize size, const std::string& last);
/// {NAME: [what `make` makes of each row], "next_page_token": where there are more}
struct Rows {
  std::string columns, tables, condition = "1";  // as SQL
};
json page_of(const Db& db, const Search& search, const Rows& rows, const char* name,
             const std::function<json(const store::Statement& row)>& make);
/// "ACTIVE_ONLY" (where it says nothing), "DELETED_ONLY", "ALL": as a condition on t.deleted.
const char* lifecycle_of(const Fields& request, const char* name);
// Tables (owner, key, value).

/// [{"key", "value"}] of an owner, by key.
json pairs_of(const Db& db, const char* table, std::int64_t owner);
/// The same by a statement with these two columns, whose parameter is the owner.
json pairs_of(const Db& db, store::Statement& statement, std::int64_t owner);
void put_pair(const Db& db, const char* table, std::int64_t owner, const std::string& key,
              const std::string& value);
/// False: there was none.
bool remove_pair(const Db& db, const char* table, std::int64_t owner, const std::string& key);
/// "experiment_ids", as a list in SQL.
std::string experiments_of(const Fields& request);
/// An experiment that is there, deleted or not.
std::int64_t experiment_of(const Session& session, const Fields& request);

[[noreturn]] void refuse(Code code, std::string message);

}  // namespace scanflow::track
