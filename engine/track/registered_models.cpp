#include "engine/track/registered_models.hpp"

#include <fmt/format.h>

#include "engine/store/execute.hpp"

namespace scanflow::track {
namespace {

constexpr std::string_view kScheme = "models:/";

struct KnownVersion {
  std::int64_t version = 0;
  std::string sha256, source;
};

/// `which`: SQL that gives a version of m, with ?2 in it.
Result<KnownVersion> version_where(const store::Store& store, const std::string& name,
                                   const char* which, const std::string& word,
                                   const std::string& missing) {
  std::vector<KnownVersion> found;
  const auto read = store.read([&](const store::Connection& connection) -> Result<void> {
    const std::string sql = fmt::format(
        "SELECT v.version, v.sha256, v.source FROM registered_models AS m JOIN model_versions AS v "
        "ON v.owner = m.key WHERE m.name = ?1 AND v.version = ({})",
        which);
    auto rows = store::collect<KnownVersion>(
        connection, sql.c_str(),
        [](const store::Statement& columns, KnownVersion& row) {
          columns.read(row.version, row.sha256, row.source);
        },
        name, word);
    if (!rows) return tl::unexpected(rows.error());
    found = std::move(*rows);
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  if (found.empty()) return fail(missing);
  return std::move(found.front());
}

Result<KnownVersion> version_of_reference(const store::Store& store, const std::string& reference) {
  const std::string whole = reference.substr(kScheme.size());
  const auto cut = whole.find_first_of("@/");
  const std::string name = whole.substr(0, cut);
  if (cut == std::string::npos)
    return version_where(store, name,
                         "SELECT max(version) FROM model_versions WHERE owner = m.key AND ?2 = ''",
                         "", fmt::format("no model '{}' is registered", name));
  const std::string word = whole.substr(cut + 1);
  if (whole[cut] == '@')
    return version_where(
        store, name, "SELECT version FROM model_aliases WHERE owner = m.key AND alias = ?2", word,
        fmt::format("no model '{}' with the alias '{}' is registered", name, word));
  return version_where(store, name, "SELECT CAST(?2 AS INTEGER)", word,
                       fmt::format("model '{}' has no version {}", name, word));
}

}  // namespace

bool is_registered(const std::string& reference) { return reference.starts_with(kScheme); }

Result<FoundModel> find_registered(const store::Store* store, const store::Artifacts& artifacts,
                                   const std::string& reference) {
  if (store == nullptr)
    return fail(fmt::format("{}: no model is registered yet: there is no database", reference));
  const auto known = version_of_reference(*store, reference);
  if (!known) return fail(fmt::format("{}: {}", reference, known.error().message));
  if (known->sha256.empty()) {
    return fail(fmt::format("{} is version {}, whose files are not in this store ({})", reference,
                            known->version, known->source));
  }
  for (const bool directory : {false, true}) {
    if (const auto found = artifacts.find(known->sha256, directory))
      return FoundModel{std::to_string(known->version), found->path.string(), known->sha256,
                        directory, found->bytes};
  }
  return fail(fmt::format("{}: its files (sha256 {}) are not in the store any more", reference,
                          known->sha256));
}

Result<FoundModel> find_model(const store::Store* store,
                              const std::filesystem::path& artifacts_root,
                              const std::string& reference,
                              const std::filesystem::path& directory) {
  if (is_registered(reference))
    return find_registered(store, store::Artifacts(artifacts_root), reference);
  const auto path = std::filesystem::absolute(directory / reference).lexically_normal();
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return fail(fmt::format("there is no file {}", path.string()));
  return FoundModel{path.stem().string(), path.string()};
}

}  // namespace scanflow::track
