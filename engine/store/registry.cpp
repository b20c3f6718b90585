// Registered documents: their versions, and the numbers of those.
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/run_queries.hpp"
#include "engine/store/store_impl.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::store {
namespace {

/// In place of a version: the newest, or all.
constexpr std::int64_t kNone = -1;

std::int64_t number_of(std::optional<std::uint32_t> version) {
  return version ? std::int64_t{*version} : kNone;
}

void fill_document(const Statement& columns, Document& document) {
  columns.read(document.kind, document.name_space, document.name, document.version, document.digest,
               document.source, document.file, document.labels, document.created_us);
}

/// Newest first. `limit` below 0: all.
Result<std::vector<Document>> read_versions(const Connection& connection, const std::string& kind,
                                            const std::string& name_space, const std::string& name,
                                            std::int64_t version, int limit) {
  return collect<Document>(
      connection,
      "SELECT kind, namespace, name, version, digest, source, file, labels, created_us "
      "FROM documents WHERE kind = ?1 AND namespace = ?2 AND name = ?3 "
      "AND (?4 < 0 OR version = ?4) ORDER BY version DESC LIMIT ?5",
      fill_document, kind, name_space, name, version, limit);
}

Result<std::optional<Document>> read_document(const Connection& connection, const std::string& kind,
                                              const std::string& name_space,
                                              const std::string& name, std::int64_t version) {
  auto found = read_versions(connection, kind, name_space, name, version, 1);
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Result<std::uint32_t> next_number(const Connection& connection, const Document& document) {
  const auto counted = change(connection,
                              "INSERT INTO document_numbers VALUES (?1, ?2, ?3, 1) "
                              "ON CONFLICT DO UPDATE SET last = last + 1",
                              document.kind, document.name_space, document.name);
  if (!counted) return tl::unexpected(counted.error());
  const auto last = collect_column<std::uint32_t>(
      connection,
      "SELECT last FROM document_numbers WHERE kind = ?1 AND namespace = ?2 AND name = ?3",
      document.kind, document.name_space, document.name);
  if (!last) return tl::unexpected(last.error());
  return last->front();
}

Result<Applied> add_document(const Connection& connection, const Document& document) {
  const auto newest =
      read_document(connection, document.kind, document.name_space, document.name, kNone);
  if (!newest) return tl::unexpected(newest.error());
  const bool known = newest->has_value();
  if (known && (*newest)->digest == document.digest) {
    return Applied{(*newest)->version, Applied::Outcome::unchanged};
  }
  const auto number = next_number(connection, document);
  if (!number) return tl::unexpected(number.error());
  const auto added =
      change(connection, "INSERT INTO documents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
             document.kind, document.name_space, document.name, *number, document.digest,
             document.source, document.file, document.labels, document.created_us);
  if (!added) return tl::unexpected(added.error());
  return Applied{*number, known ? Applied::Outcome::updated : Applied::Outcome::created};
}

void fill_entry(const Statement& columns, DocumentEntry& entry) {
  Document& newest = entry.newest;
  columns.read(newest.kind, newest.name_space, newest.name, newest.version, newest.digest,
               newest.file, newest.labels, newest.created_us, entry.versions, entry.created_us);
}

/// Of the kind and namespace, or of all where one is empty.
constexpr const char* kEntries =
    "SELECT newest.kind, newest.namespace, newest.name, newest.version, newest.digest, newest.file,"
    "  newest.labels, newest.created_us, versions, first_us "
    "FROM (SELECT kind, namespace, name, max(version) AS version, count(*) AS versions,"
    "        min(created_us) AS first_us FROM documents"
    "      WHERE (?1 = '' OR kind = ?1) AND (?2 = '' OR namespace = ?2)"
    "      GROUP BY kind, namespace, name)"
    "  JOIN documents AS newest USING (kind, namespace, name, version) "
    "ORDER BY newest.kind, newest.namespace, newest.name";

}  // namespace

Result<Applied> Store::apply(Document document) {
  std::vector<Document> one;
  one.push_back(std::move(document));
  auto applied = apply_all(std::move(one));
  if (!applied) return tl::unexpected(applied.error());
  return applied->front();
}

Result<std::vector<Applied>> Store::apply_all(std::vector<Document> documents) {
  for (Document& each : documents) each.digest = sha256_hex(each.source);
  std::vector<Applied> applied;
  const auto written = impl_->write([&](Connection& connection) -> Result<void> {
    for (const Document& each : documents) {
      const auto one = add_document(connection, each);
      if (!one) return tl::unexpected(one.error());
      applied.push_back(*one);
    }
    return {};
  });
  if (!written) return tl::unexpected(written.error());
  return applied;
}

Result<std::uint32_t> Store::remove(const std::string& kind, const std::string& name_space,
                                    const std::string& name, std::optional<std::uint32_t> version) {
  const auto removed = remove_all({{kind, name_space, name, version}});
  if (!removed) return tl::unexpected(removed.error());
  return removed->front();
}

Result<std::vector<std::uint32_t>> Store::remove_all(const std::vector<DocumentName>& names) {
  std::vector<std::uint32_t> removed;
  const auto written = impl_->write([&](Connection& connection) -> Result<void> {
    for (const DocumentName& each : names) {
      const auto deleted = change(connection,
                                  "DELETE FROM documents WHERE kind = ?1 AND namespace = ?2"
                                  " AND name = ?3 AND (?4 < 0 OR version = ?4)",
                                  each.kind, each.name_space, each.name, number_of(each.version));
      if (!deleted) return tl::unexpected(deleted.error());
      removed.push_back(static_cast<std::uint32_t>(*deleted));
    }
    return {};
  });
  if (!written) return tl::unexpected(written.error());
  return removed;
}

Result<std::optional<Document>> Store::document(const std::string& kind,
                                                const std::string& name_space,
                                                const std::string& name,
                                                std::optional<std::uint32_t> version) const {
  return impl_->readers.use([&](const Connection& c) {
    return read_document(c, kind, name_space, name, number_of(version));
  });
}

Result<std::vector<DocumentEntry>> Store::documents(const std::optional<std::string>& kind,
                                                    const std::optional<std::string>& name_space,
                                                    const LabelSelector& labels) const {
  auto entries = impl_->readers.use([&](const Connection& c) {
    return collect<DocumentEntry>(c, kEntries, fill_entry, kind.value_or(""),
                                  name_space.value_or(""));
  });
  if (entries && !labels.empty()) {
    std::erase_if(*entries, [&](const DocumentEntry& entry) {
      return !labels.matches(labels_of(entry.newest.labels));
    });
  }
  return entries;
}

Result<std::vector<Document>> Store::versions(const std::string& kind,
                                              const std::string& name_space,
                                              const std::string& name) const {
  return impl_->readers.use(
      [&](const Connection& c) { return read_versions(c, kind, name_space, name, kNone, -1); });
}

}  // namespace scanflow::store
