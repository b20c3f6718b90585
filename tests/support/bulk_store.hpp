// A store for tests of bulk: objects by digest, and what sidecars bring, in a directory.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "engine/hub/bulk.hpp"
#include "sdk/base/digest.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::hub {

class TestStore {
 public:
  explicit TestStore(const test::TempDir& files) : files_(files) {}

  /// Puts it there to be fetched; its digest.
  std::string put(const std::string& content) {
    std::string sha256 = sha256_hex(content);
    test::write(files_ / ("objects/" + sha256), content);
    return sha256;
  }
  /// What was stored under this name: its content; "" where nothing was.
  std::string content(const std::string& name) const {
    const auto found = brought.find(name);
    return found == brought.end() ? "" : test::read(files_ / ("objects/" + found->second));
  }
  std::string log(const std::string& name) const { return test::read(files_ / ("came/" + name)); }

  BulkAccess access() {
    BulkAccess access;
    access.fetch = [this](const SidecarKey&,
                          const protocol::Fetch& fetch) -> Result<std::filesystem::path> {
      if (!is_sha256(fetch.sha256)) return fail("that is no digest");
      return files_ / ("objects/" + fetch.sha256);
    };
    access.store = [this](const SidecarKey&,
                          const protocol::Store& store) -> Result<BulkAccess::Place> {
      if (store.id.step != "train") return fail("step " + store.id.step + " does not run there");
      if (std::filesystem::exists(files_ / ("objects/" + store.sha256)) && !store.sha256.empty()) {
        brought[store.name] = store.sha256;
        return BulkAccess::Place{{}, store.sha256};
      }
      std::string name = store.name;
      std::replace(name.begin(), name.end(), '/', '_');
      return BulkAccess::Place{files_ / ("came/" + name), "", most};
    };
    access.stored = [this](const SidecarKey&, const protocol::Store& store,
                           const std::filesystem::path& path,
                           const std::string& sha256) -> Result<void> {
      if (store.object == "log") {
        ++logs;
        return {};
      }
      std::filesystem::create_directories(files_ / "objects");
      std::filesystem::rename(path, files_ / ("objects/" + sha256));
      brought[store.name] = sha256;
      return {};
    };
    return access;
  }

  std::map<std::string, std::string> brought;  // digest by name
  int logs = 0;
  std::uint64_t most = 0;  // bytes of one

 private:
  const test::TempDir& files_;
};

/// Bytes that are not the same anywhere.
inline std::string noise(std::size_t bytes, std::uint32_t seed) {
  std::string text(bytes, '\0');
  for (char& each : text) {
    seed = seed * 1664525 + 1013904223;
    each = static_cast<char>(seed >> 24);
  }
  return text;
}

}  // namespace scanflow::hub
