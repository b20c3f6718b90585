// The registered documents of a server, over HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/api/client.hpp"
#include "engine/api/documents.hpp"

namespace scanflow::api {
namespace {

constexpr const char* kDocuments = "/api/v1/documents";

std::string path_of(const store::DocumentName& name) {
  return fmt::format("{}/{}/{}/{}", kDocuments, http::percent_encoded(name.kind),
                     http::percent_encoded(name.name_space), http::percent_encoded(name.name));
}

class RemoteDocuments : public Documents {
 public:
  explicit RemoteDocuments(HttpClient client) : client_(std::move(client)) {}

  Answer<std::vector<store::Document>> list(const DocumentQuery& query) override {
    std::string target = fmt::format("{}?sources={}", kDocuments, query.sources);
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) target += fmt::format("&{}={}", name, http::percent_encoded(value));
    };
    add("kind", query.kind);
    add("namespace", query.name_space);
    add("labels", query.labels);
    std::vector<store::Document> all;
    std::string cursor;
    do {
      const auto page = client_.json_of(
          {.target = target + (cursor.empty() ? "" : "&cursor=" + http::percent_encoded(cursor))});
      if (!page) return tl::unexpected(page.error());
      auto documents = documents_in(*page);
      if (!documents) return documents;
      std::move(documents->begin(), documents->end(), std::back_inserter(all));
      const json next = page->value("next", json());
      cursor = next.is_string() ? next.get<std::string>() : "";
    } while (!cursor.empty());
    return all;
  }

  Answer<store::Document> find(const store::DocumentName& name) override {
    const auto found = client_.json_of(
        {.target =
             path_of(name) + (name.version ? fmt::format("?version={}", *name.version) : "")});
    if (!found) return tl::unexpected(found.error());
    return read(*found, runtime::document_from_json);
  }

  Answer<std::vector<store::Document>> versions(const store::DocumentName& name) override {
    const auto found = client_.json_of({.target = path_of(name) + "/versions"});
    if (!found) return tl::unexpected(found.error());
    return documents_in(*found);
  }

  /// The server says what becomes of each; the texts are the request's own, in the same order.
  Answer<std::vector<runtime::Change>> plan(const runtime::ApplyRequest& request) override {
    runtime::ApplyRequest dry = request;
    dry.dry_run = true;
    const auto told = apply(dry);
    if (!told) return tl::unexpected(told.error());
    pipeline::Documents named = pipeline::read_names(request.texts, request.name_space);
    if (named.all.size() != told->size()) return broken(not_ours(client_.url()));
    std::vector<runtime::Change> changes;
    for (std::size_t i = 0; i < named.all.size(); ++i) {
      auto before = before_of(named.all[i], (*told)[i]);
      if (!before) return tl::unexpected(before.error());
      changes.push_back({std::move(named.all[i]), std::move(*before)});
    }
    return changes;
  }

  Answer<json> apply(const runtime::ApplyRequest& request) override {
    json body = runtime::to_json(request);
    if (request.plugin_dirs.empty()) body.erase("plugin_dirs");  // the server's own are used
    return post(kDocuments, body);
  }

  Answer<json> remove(const std::vector<store::DocumentName>& names) override {
    return post(fmt::format("{}/delete", kDocuments), {{"documents", runtime::to_json(names)}});
  }

 private:
  Answer<std::optional<store::Document>> before_of(const pipeline::Document& document,
                                                   const json& told) {
    const std::string outcome = told.value("outcome", "");
    if (outcome == "created") return std::nullopt;
    if (outcome == "unchanged") {
      store::Document same{document.kind, document.name_space, document.name};
      same.version = told.value("version", 0u);
      same.source = document.text;
      return same;
    }
    auto before = find({document.kind, document.name_space, document.name, {}});
    if (before) return std::move(*before);
    if (before.error().status == 404) return std::nullopt;  // removed a moment ago
    return tl::unexpected(before.error());
  }

  Answer<json> post(const std::string& target, const json& body) const {
    auto done = client_.json_of({.method = "POST", .target = target, .body = body.dump()});
    if (!done) return done;
    const auto documents = done->find("documents");
    if (documents == done->end()) return broken(not_ours(client_.url()));
    return *documents;
  }

  /// What an answer says, where it is one of ours.
  template <class Parse>
  auto read(const json& answer, Parse parse) const -> Answer<decltype(parse(answer))> {
    try {
      return parse(answer);
    } catch (const json::exception&) {
      return broken(not_ours(client_.url()));
    }
  }

  Answer<std::vector<store::Document>> documents_in(const json& answer) const {
    return read(answer, [](const json& page) {
      std::vector<store::Document> documents;
      for (const json& each : page.at("documents"))
        documents.push_back(runtime::document_from_json(each));
      return documents;
    });
  }

  const HttpClient client_;
};

}  // namespace

std::unique_ptr<Documents> documents_of(HttpClient client) {
  return std::make_unique<RemoteDocuments>(std::move(client));
}

}  // namespace scanflow::api
