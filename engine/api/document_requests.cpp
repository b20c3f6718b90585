// Requests for registered documents.
#include <fmt/format.h>

#include <limits>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "engine/api/documents.hpp"
#include "engine/pipeline/documents.hpp"
#include "engine/pipeline/fields.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kMostDocuments = 10'000;  // on a page
constexpr std::int64_t kLastVersion = std::numeric_limits<std::uint32_t>::max();

Answer<std::string> kind_of(const std::string& word) {
  if (auto kind = pipeline::parse_kind(word)) return std::move(*kind);
  std::string known;
  for (const pipeline::DocumentKind& each : pipeline::document_kinds()) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", each.name);
  }
  return missing(fmt::format("there is no kind '{}'; there are: {}", word.substr(0, 100), known));
}

/// Of a path, and ?version=.
Answer<store::DocumentName> name_of(const Request& request, const Segments& names) {
  auto kind = kind_of(names[0]);
  if (!kind) return tl::unexpected(kind.error());
  const auto version = number_of(request, "version", 1, kLastVersion, 0);
  if (!version) return tl::unexpected(version.error());
  store::DocumentName name{std::move(*kind), names[1], names[2], {}};
  if (*version > 0) name.version = static_cast<std::uint32_t>(*version);
  return name;
}

json described(const std::vector<store::Document>& documents, bool sources) {
  json list = json::array();
  for (const store::Document& each : documents) {
    json& document = list.emplace_back(runtime::to_json(each));
    if (!sources) document.erase("source");
  }
  return list;
}

/// {"texts": [{"file", "text"}], "namespace", "dry_run", "plugin_dirs"}, or a text itself.
Answer<json> read_apply(const Request& request, const ApiOptions& options) {
  auto body = read_body(request, {{"texts", json::value_t::array},
                                  {"namespace", json::value_t::string},
                                  {"dry_run", json::value_t::boolean},
                                  {"plugin_dirs", json::value_t::array},
                                  {"source", json::value_t::string}});
  if (!body) return tl::unexpected(body.error());
  const auto dry_run = flag_of(request, "dry_run");
  if (!dry_run) return tl::unexpected(dry_run.error());
  json whole = {{"namespace", request.parameter("namespace")},
                {"dry_run", *dry_run},
                {"plugin_dirs", options.plugin_dirs}};
  if (const auto source = body->find("source"); source != body->end())
    whole["texts"] = {{{"file", "<request>"}, {"text", *source}}};
  body->erase("source");
  whole.update(*body);
  if (!whole.contains("texts"))
    return wrong(R"(the body must have "texts": [{"file": NAME, "text": YAML}], or be YAML)");
  try {
    return runtime::to_json(runtime::apply_request_from_json(whole));
  } catch (const json::exception& error) {
    return wrong(std::string("the body has a value of a wrong type: ") + error.what());
  }
}

Answer<json> read_names(const Request& request) {
  const auto body = read_body(request, {{"documents", json::value_t::array}});
  if (!body) return tl::unexpected(body.error());
  std::vector<store::DocumentName> names;
  try {
    for (json each : body->at("documents")) {
      each.emplace("version", nullptr);
      each.emplace("namespace", "default");
      auto kind = kind_of(each.value("kind", "Pipeline"));
      if (!kind) return tl::unexpected(kind.error());
      each["kind"] = std::move(*kind);
      names.push_back(runtime::document_names_from_json(json::array({each})).front());
    }
  } catch (const json::exception&) {
    return wrong(
        R"(the body must be JSON: {"documents": [{"kind", "namespace", "name", "version"}]})");
  }
  if (names.empty()) return wrong("delete what? 'documents' is empty");
  return runtime::to_json(names);
}

json of_done(const json& done) { return {{"documents", done.at("documents")}}; }

}  // namespace

void Api::Impl::list_documents(const Request& request, const Segments&, const Reply& reply) {
  const auto limit = number_of(request, "limit", 1, kMostDocuments, 1000);
  const auto sources = flag_of(request, "sources");
  if (!limit) return reply(failed(limit.error()));
  if (!sources) return reply(failed(sources.error()));
  DocumentQuery query{"", request.parameter("namespace"), request.parameter("labels"), *sources};
  if (const std::string word = request.parameter("kind"); !word.empty()) {
    auto kind = kind_of(word);
    if (!kind) return reply(failed(kind.error()));
    query.kind = std::move(*kind);
  }
  read(reply,
       [this, query, most = static_cast<std::size_t>(*limit),
        cursor = request.parameter("cursor")]() -> Answer<json> {
         const auto page = api::list_documents(options.state, query, most, cursor);
         if (!page) return tl::unexpected(page.error());
         return json{{"documents", described(page->documents, query.sources)},
                     {"next", page->next.empty() ? json() : json(page->next)}};
       });
}

void Api::Impl::show_document(const Request& request, const Segments& names, const Reply& reply) {
  const auto name = name_of(request, names);
  if (!name) return reply(failed(name.error()));
  read(reply, [this, name = *name]() -> Answer<json> {
    const auto found = find_document(options.state, name);
    return found ? Answer<json>(runtime::to_json(*found)) : tl::unexpected(found.error());
  });
}

void Api::Impl::versions(const Request& request, const Segments& names, const Reply& reply) {
  const auto name = name_of(request, names);
  if (!name) return reply(failed(name.error()));
  read(reply, [this, name = *name]() -> Answer<json> {
    const auto found = document_versions(options.state, name);
    if (!found) return tl::unexpected(found.error());
    return json{{"documents", described(*found, true)}};
  });
}

void Api::Impl::apply(const Request& request, const Segments&, const Reply& reply) {
  prepare<json>(
      reply, [this, request] { return read_apply(request, options); },
      [this, reply](const json& wanted) {
        ask({{"op", "apply"}, {"request", wanted}}, of_done, reply);
      });
}

void Api::Impl::remove_document(const Request& request, const Segments& names, const Reply& reply) {
  const auto name = name_of(request, names);
  if (!name) return reply(failed(name.error()));
  ask({{"op", "remove_documents"}, {"names", runtime::to_json(std::vector{*name})}}, of_done,
      reply);
}

void Api::Impl::remove_documents(const Request& request, const Segments&, const Reply& reply) {
  prepare<json>(
      reply, [request] { return read_names(request); },
      [this, reply](const json& names) {
        ask({{"op", "remove_documents"}, {"names", names}}, of_done, reply);
      });
}

}  // namespace scanflow::api
