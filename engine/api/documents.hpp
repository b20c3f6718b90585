// Registered documents, for whoever shows, applies or removes them: over the store and the engine of
// this machine (here), or over HTTP (client.hpp). All calls block. [any-thread]
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/api/runs.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/store/store.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

/// Empty: all.
struct DocumentQuery {
  std::string kind, name_space;
  std::string labels;   // a selector, of the newest version
  bool sources = true;  // false: without the texts
};

class Documents {
 public:
  virtual ~Documents() = default;
  /// The newest version of each, by kind, namespace and name.
  virtual Answer<std::vector<store::Document>> list(const DocumentQuery& query) = 0;
  /// That version, or the newest.
  virtual Answer<store::Document> find(const store::DocumentName& name) = 0;
  /// All versions, the newest first. `name` says none.
  virtual Answer<std::vector<store::Document>> versions(const store::DocumentName& name) = 0;
  /// What apply() would do, and to what. Nothing is written.
  virtual Answer<std::vector<runtime::Change>> plan(const runtime::ApplyRequest& request) = 0;
  /// All of them or none, as registry.hpp says: the list of `documents`.
  virtual Answer<json> apply(const runtime::ApplyRequest& request) = 0;
  virtual Answer<json> remove(const std::vector<store::DocumentName>& names) = 0;
};

/// Has an engine do what a request of engine_socket.hpp asks; its answer.
using AskEngine = std::function<Answer<json>(const json& request)>;
using FindPlugins = std::function<Result<loader::Catalog>()>;

/// Those of a state directory. The database is open only while it is read: else its log would
/// outlive the store of an engine that `ask` begins.
std::unique_ptr<Documents> documents_of(runtime::StateDirectory state, AskEngine ask,
                                        FindPlugins plugins);

struct DocumentPage {
  std::vector<store::Document> documents;
  std::string next;  // the cursor of the page after it; empty: this was the last
};
/// `most`: documents on a page, which also ends with kPageBytes of sources.
Answer<DocumentPage> list_documents(const runtime::StateDirectory& state,
                                    const DocumentQuery& query, std::size_t most,
                                    const std::string& cursor);
Answer<store::Document> find_document(const runtime::StateDirectory& state,
                                      const store::DocumentName& name);
Answer<std::vector<store::Document>> document_versions(const runtime::StateDirectory& state,
                                                       const store::DocumentName& name);

}  // namespace scanflow::api
