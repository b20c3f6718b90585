// Registered documents: what is applied, looked up and removed. Whoever calls what writes is the
// engine of the state directory, or in its process; [any-thread].
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/documents.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::runtime {

using nlohmann::json;

struct ApplyRequest {
  std::vector<pipeline::SourceText> texts;  // each may hold several documents
  std::string name_space;                   // of those that say none; empty: "default"
  bool dry_run = false;
  std::vector<std::string> plugin_dirs;  // to look for plugins in, too
};
json to_json(const ApplyRequest& request);
ApplyRequest apply_request_from_json(const json& document);

/// [{"kind", "namespace", "name", "version"}]; version: null for all.
json to_json(const std::vector<store::DocumentName>& names);
std::vector<store::DocumentName> document_names_from_json(const json& document);

/// {"kind", "namespace", "name", "version", "labels", "digest", "file", "created_us", "source"}
json to_json(const store::Document& document);
/// Without a source where that was left out.
store::Document document_from_json(const json& document);

/// A document, and what is registered under its name now.
struct Change {
  pipeline::Document document;
  std::optional<store::Document> before;
  /// created, configured (its text differs, be it in a comment; line ends do not count), unchanged
  std::string outcome() const;
};

/// Checks all documents; an error tells all that is wrong with any. `store`: null where there is no
/// database yet.
Result<std::vector<Change>> plan_changes(const store::Store* store, const loader::Catalog& catalog,
                                         const std::vector<pipeline::SourceText>& texts,
                                         const std::string& name_space);

/// {"documents": [{"kind", "namespace", "name", "version", "outcome", "file"}]}; the version that a
/// change would make is not known before: null.
json planned(const std::vector<Change>& changes);

/// Registers all of them in one transaction. Gives the same, with the versions. An error is one of
/// the store.
Result<json> make_changes(store::Store& store, const std::vector<Change>& changes);

/// All of the above: registers every document, or where any is wrong none.
Result<json> apply_documents(store::Store& store, const loader::Catalog& catalog,
                             const ApplyRequest& request);

/// An error names those that are not there.
Result<void> check_documents(const store::Store& store,
                             const std::vector<store::DocumentName>& names);

/// Removes them (a version, or all of a name), which are there, in one transaction. Gives
/// {"documents": [{"kind", "namespace", "name", "version", "versions"}]}, versions: how many are
/// gone. An error is one of the store.
Result<json> remove_documents(store::Store& store, const std::vector<store::DocumentName>& names);

/// The document; an error says that it is not there, and what else there is. `store`: null where
/// there is no database yet.
Result<store::Document> find_document(const store::Store* store, const store::DocumentName& name);
/// The same as a function; the store must outlive it.
FindDocument find_in(const store::Store* store);
/// That error.
Error not_there(const store::Store* store, const store::DocumentName& name);

/// "default/train@3"
std::string identity(const store::Document& document);
std::string identity(const store::DocumentName& name);

}  // namespace scanflow::runtime
