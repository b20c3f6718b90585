#include <fmt/format.h>

#include "engine/track/artifact_files.hpp"

namespace scanflow::track {

Answer<void> Tracker::put_file(const std::string& path, const std::filesystem::path& source,
                               const std::string& sha256) const {
  if (means_.artifacts == nullptr) return invalid("this tracker keeps no files");
  // Before the row that refers to it, as everywhere (garbage.hpp).
  auto taken = means_.artifacts->take_file(source, sha256, false);
  if (!taken) return tl::unexpected<Problem>({Code::internal, std::move(taken.error().message)});
  return transact(true,
                  [&](const Session& session) { put_row(session, path, sha256, taken->bytes); });
}

Answer<ServedFile> Tracker::file(const std::string& path) const {
  if (means_.artifacts == nullptr) return invalid("this tracker keeps no files");
  ServedFile file;
  auto done = transact(false, [&](const Session& session) { file = find_file(session, path); });
  if (!done) return tl::unexpected(std::move(done.error()));
  return file;
}

Answer<std::string> Tracker::list_files(const std::string& folder) const {
  std::string text;
  auto done = transact(false, [&](const Session& session) {
    text = json{{"files", list_folder(session, folder)}}.dump();
  });
  if (!done) return tl::unexpected(std::move(done.error()));
  return text;
}

Answer<std::int64_t> Tracker::remove_files(const std::string& path) const {
  std::int64_t removed = 0;
  auto done = transact(true, [&](const Session& session) { removed = remove_rows(session, path); });
  if (!done) return tl::unexpected(std::move(done.error()));
  return removed;
}

}  // namespace scanflow::track
