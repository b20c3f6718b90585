#include "engine/api/documents.hpp"

#include <fmt/format.h>

#include <tuple>
#include <utility>

namespace scanflow::api {
namespace {

/// Null where nothing was ever stored.
Answer<std::unique_ptr<store::Store>> open_store(const runtime::StateDirectory& state) {
  if (!store::Store::exists(state.root)) return nullptr;
  auto store = store::Store::open_read_only(state.root);
  if (!store) return broken(store.error().message);
  return std::move(*store);
}

/// "KIND/NAMESPACE/NAME", as lists are sorted.
std::string cursor_of_documents(const store::Document& document) {
  return fmt::format("{}/{}/{}", document.kind, document.name_space, document.name);
}

Answer<store::DocumentName> last_of(const std::string& cursor) {
  const std::size_t first = cursor.find('/');
  const std::size_t second = cursor.find('/', first + 1);
  if (first == std::string::npos || second == std::string::npos)
    return wrong("cursor: this is not the 'next' of a page before");
  return store::DocumentName{cursor.substr(0, first),
                             cursor.substr(first + 1, second - first - 1),
                             cursor.substr(second + 1),
                             {}};
}

Answer<std::vector<store::DocumentEntry>> entries_of(const store::Store& store,
                                                     const DocumentQuery& query,
                                                     const std::string& cursor) {
  const auto labels = LabelSelector::parse(query.labels);
  if (!labels) return wrong(labels.error().message);
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  auto entries = store.documents(given(query.kind), given(query.name_space), *labels);
  if (!entries) return broken(entries.error().message);
  if (cursor.empty()) return std::move(*entries);
  const auto last = last_of(cursor);
  if (!last) return tl::unexpected(last.error());
  std::erase_if(*entries, [&](const store::DocumentEntry& each) {
    const store::Document& newest = each.newest;
    return std::tie(newest.kind, newest.name_space, newest.name) <=
           std::tie(last->kind, last->name_space, last->name);
  });
  return std::move(*entries);
}

Answer<store::Document> find_in(const store::Store* store, const store::DocumentName& name) {
  if (store != nullptr) {
    auto found = store->document(name.kind, name.name_space, name.name, name.version);
    if (!found) return broken(found.error().message);
    if (*found) return std::move(**found);
  }
  return missing(runtime::not_there(store, name).message);
}

class StoredDocuments : public Documents {
 public:
  StoredDocuments(runtime::StateDirectory state, AskEngine ask, FindPlugins plugins)
      : state_(std::move(state)), ask_(std::move(ask)), plugins_(std::move(plugins)) {}

  Answer<std::vector<store::Document>> list(const DocumentQuery& query) override {
    std::vector<store::Document> all;
    std::string cursor;
    do {
      auto page = list_documents(state_, query, std::numeric_limits<std::size_t>::max(), cursor);
      if (!page) return tl::unexpected(page.error());
      std::move(page->documents.begin(), page->documents.end(), std::back_inserter(all));
      cursor = std::move(page->next);
    } while (!cursor.empty());
    return all;
  }

  Answer<store::Document> find(const store::DocumentName& name) override {
    return find_document(state_, name);
  }

  Answer<std::vector<store::Document>> versions(const store::DocumentName& name) override {
    return document_versions(state_, name);
  }

  Answer<std::vector<runtime::Change>> plan(const runtime::ApplyRequest& request) override {
    const auto store = open_store(state_);
    if (!store) return tl::unexpected(store.error());
    const auto catalog = plugins_();
    if (!catalog) return wrong(catalog.error().message);
    auto changes = runtime::plan_changes(store->get(), *catalog, request.texts, request.name_space);
    if (!changes) return wrong(changes.error().message);
    return std::move(*changes);
  }

  Answer<json> apply(const runtime::ApplyRequest& request) override {
    if (request.dry_run) {
      const auto changes = plan(request);
      if (!changes) return tl::unexpected(changes.error());
      return runtime::planned(*changes).at("documents");
    }
    return done({{"op", "apply"}, {"request", runtime::to_json(request)}});
  }

  Answer<json> remove(const std::vector<store::DocumentName>& names) override {
    return done({{"op", "remove_documents"}, {"names", runtime::to_json(names)}});
  }

 private:
  Answer<json> done(const json& request) const {
    auto answer = ask_(request);
    if (!answer) return answer;
    return answer->at("documents");
  }

  const runtime::StateDirectory state_;
  const AskEngine ask_;
  const FindPlugins plugins_;
};

}  // namespace

Answer<DocumentPage> list_documents(const runtime::StateDirectory& state,
                                    const DocumentQuery& query, std::size_t most,
                                    const std::string& cursor) {
  DocumentPage page;
  const auto store = open_store(state);
  if (!store) return tl::unexpected(store.error());
  if (!*store) return page;
  auto entries = entries_of(**store, query, cursor);
  if (!entries) return tl::unexpected(entries.error());
  std::size_t bytes = 0;
  for (store::DocumentEntry& entry : *entries) {
    if (page.documents.size() == most || bytes >= kPageBytes) {
      page.next = cursor_of_documents(page.documents.back());
      break;
    }
    store::Document& newest = entry.newest;
    if (!query.sources) {
      page.documents.push_back(std::move(newest));
      continue;
    }
    auto whole =
        find_in(store->get(), {newest.kind, newest.name_space, newest.name, newest.version});
    if (!whole && whole.error().status == 404) continue;  // removed a moment ago
    if (!whole) return tl::unexpected(whole.error());
    bytes += whole->source.size();
    page.documents.push_back(std::move(*whole));
  }
  return page;
}

Answer<store::Document> find_document(const runtime::StateDirectory& state,
                                      const store::DocumentName& name) {
  const auto store = open_store(state);
  if (!store) return tl::unexpected(store.error());
  return find_in(store->get(), name);
}

Answer<std::vector<store::Document>> document_versions(const runtime::StateDirectory& state,
                                                       const store::DocumentName& name) {
  const auto store = open_store(state);
  if (!store) return tl::unexpected(store.error());
  auto versions = *store ? (*store)->versions(name.kind, name.name_space, name.name)
                         : Result<std::vector<store::Document>>();
  if (!versions) return broken(versions.error().message);
  if (versions->empty())
    return missing(
        runtime::not_there(store->get(), {name.kind, name.name_space, name.name, {}}).message);
  return std::move(*versions);
}

std::unique_ptr<Documents> documents_of(runtime::StateDirectory state, AskEngine ask,
                                        FindPlugins plugins) {
  return std::make_unique<StoredDocuments>(std::move(state), std::move(ask), std::move(plugins));
}

}  // namespace scanflow::api
