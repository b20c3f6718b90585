#include "sidecar/relay/outputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::relay {
namespace fs = std::filesystem;

struct Outputs::Storing {
  protocol::Result result;
  Done done;
  std::size_t missing = 0;
};

Outputs::Outputs(std::string directory, bulk::Client& client)
    : directory_(std::move(directory)), client_(client) {
  std::error_code ignored;  // met when something is written there
  fs::remove_all(directory_, ignored);
  fs::create_directories(directory_, ignored);
}
Outputs::~Outputs() = default;

void Outputs::store(protocol::Result result, Done done) {
  auto storing = std::make_shared<Storing>();
  storing->result = std::move(result);
  storing->done = std::move(done);
  storing->missing = 1;
  for (protocol::ArtifactFile& artifact : storing->result.artifacts) store(storing, artifact);
  one_less(storing);
}

void Outputs::store(const StoringPtr& storing, protocol::ArtifactFile& artifact) {
  ++storing->missing;
  if (artifact.directory) return store_tree(storing, artifact);
  std::error_code error;
  artifact.bytes = fs::file_size(artifact.path, error);
  client_.store(storing->result.id, "file", artifact.name, artifact.path,
                [this, storing, &artifact](Result<std::string> how) {
                  if (!how) fail_with(storing, artifact.name, how.error().message);
                  if (how) artifact.sha256 = *how;
                  one_less(storing);
                });
}

void Outputs::store_tree(const StoringPtr& storing, protocol::ArtifactFile& artifact) {
  auto files = list_tree(artifact.path);
  if (!files) {
    fail_with(storing, artifact.name, files.error().message);
    if (storing->result.cause == "retryable") storing->result.cause = "error";  // it is the step's
    return one_less(storing);
  }
  const auto all = std::make_shared<std::vector<TreeFile>>(std::move(*files));
  const auto left = std::make_shared<std::size_t>(1);
  const auto one = [this, storing, &artifact, all, left] {
    if (--*left > 0) return;
    const std::string path = fmt::format("{}/{}", directory_, ++manifests_);
    if (auto written = write_file_atomically(path, manifest_of(*all)); !written) {
      fail_with(storing, artifact.name, written.error().message);
      return one_less(storing);
    }
    client_.store(storing->result.id, "tree", artifact.name, path,
                  [this, storing, &artifact, path](Result<std::string> how) {
                    ::unlink(path.c_str());
                    if (!how) fail_with(storing, artifact.name, how.error().message);
                    if (how) artifact.sha256 = *how;
                    one_less(storing);
                  });
  };
  for (TreeFile& file : *all) {
    if (file.empty_directory) continue;
    artifact.bytes += file.bytes;
    ++*left;
    client_.store(storing->result.id, "file", artifact.name + "/" + file.path,
                  artifact.path + "/" + file.path,
                  [storing, &file, &artifact, one, all](Result<std::string> how) {
                    if (!how) fail_with(storing, artifact.name, how.error().message);
                    if (how) file.sha256 = *how;
                    one();
                  });
  }
  one();
}

void Outputs::one_less(const StoringPtr& storing) {
  if (--storing->missing > 0) return;
  if (storing->result.status != "succeeded") storing->result.artifacts.clear();
  for (protocol::ArtifactFile& artifact : storing->result.artifacts) artifact.path.clear();
  storing->done(std::move(storing->result));
}

void Outputs::fail_with(const StoringPtr& storing, const std::string& name,
                        const std::string& why) {
  if (storing->result.status != "succeeded") return;  // the first reason is the one to know
  storing->result.status = "failed";
  storing->result.cause = "retryable";
  storing->result.message = fmt::format("artifact '{}' could not be stored: {}", name, why);
}

}  // namespace scanflow::relay
