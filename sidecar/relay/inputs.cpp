#include "sidecar/relay/inputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::relay {
namespace fs = std::filesystem;
namespace {

/// What earlier attempts needed is removed where it is more.
constexpr std::uintmax_t kKeptBytes = 2u << 30;
constexpr std::size_t kMostManifest = 64u << 20;

/// A directory of links, whole or not there.
Result<void> build_tree(const std::vector<TreeFile>& files, const fs::path& tree,
                        const std::function<std::string(const TreeFile&)>& object_of) {
  const fs::path part = tree.string() + ".part";
  std::error_code error;
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  for (const TreeFile& file : files) {
    const fs::path path = part / file.path;
    fs::create_directories(file.empty_directory ? path : path.parent_path(), error);
    if (error) return fail(fmt::format("cannot make {}: {}", path.string(), error.message()));
    if (file.empty_directory) continue;
    if (::link(object_of(file).c_str(), path.c_str()) != 0)
      return fail(describe_errno("cannot link", path, errno));
  }
  fs::rename(part, tree, error);
  if (error) return fail(fmt::format("cannot make {}: {}", tree.string(), error.message()));
  return {};
}

}  // namespace

struct Inputs::Bringing {
  protocol::Request request;
  Done done;
  std::size_t missing = 0;
  bool over = false;
};

Inputs::Inputs(std::string directory, bulk::Client& client)
    : directory_(std::move(directory)), client_(client) {
  std::error_code ignored;  // what cannot be made is met when something is put there
  fs::create_directories(directory_ + "/objects", ignored);
  fs::create_directories(directory_ + "/trees", ignored);
  for (const auto& entry : fs::directory_iterator(directory_ + "/objects", ignored)) {
    // Of a predecessor.
    if (entry.path().filename().string().find(".part") != std::string::npos)
      fs::remove(entry.path(), ignored);
  }
}
Inputs::~Inputs() = default;

std::string Inputs::object_path(const std::string& object, const std::string& sha256) const {
  return fmt::format("{}/objects/{}{}", directory_, sha256, object == "executable" ? ".x" : "");
}

void Inputs::bring(protocol::Request request, Done done) {
  make_room(request);
  auto bringing = std::make_shared<Bringing>();
  bringing->request = std::move(request);
  bringing->done = std::move(done);
  bringing_[bringing->request.id] = bringing;
  bringing->missing = 1;
  for (protocol::Input& input : bringing->request.inputs) {
    if (bringing->over) return;
    bring(bringing, input);
  }
  one_less(bringing);
}

void Inputs::cancel(const protocol::AttemptId& id) {
  const auto found = bringing_.find(id);
  if (found == bringing_.end()) return;
  const BringingPtr bringing = std::move(found->second);
  bringing_.erase(found);
  bringing->over = true;
  for (auto fetching = fetching_.begin(); fetching != fetching_.end();) {
    auto& [number, waiters] = fetching->second;
    std::erase_if(waiters, [&](const auto& waiter) { return waiter.first == bringing; });
    if (waiters.empty()) client_.cancel(number);
    fetching = waiters.empty() ? fetching_.erase(fetching) : std::next(fetching);
  }
}

void Inputs::bring(const BringingPtr& bringing, protocol::Input& input) {
  ++bringing->missing;
  if (input.directory) return bring_tree(bringing, input);
  const std::string object = input.path == "executable" ? input.path : "file";
  fetch(bringing, object, input.sha256, [this, bringing, &input, object] {
    input.path = object_path(object, input.sha256);
    one_less(bringing);
  });
}

/// `then` within this, where it is there already.
void Inputs::fetch(const BringingPtr& bringing, const std::string& object,
                   const std::string& sha256, std::function<void()> then) {
  const std::string path = object_path(object, sha256);
  if (::access(path.c_str(), F_OK) == 0) return then();
  const auto [place, fresh] = fetching_.try_emplace(path);
  place->second.waiters.emplace_back(bringing, std::move(then));
  if (!fresh) return;
  place->second.number = client_.fetch(object, sha256, path, [this, path](auto how) {
    const auto over = fetching_.extract(path);
    for (const auto& [waiting, go_on] : over.mapped().waiters) {
      if (waiting->over) continue;
      how ? go_on() : fail_with(waiting, how.error().message);
    }
  });
}

void Inputs::bring_tree(const BringingPtr& bringing, protocol::Input& input) {
  const std::string tree = fmt::format("{}/trees/{}", directory_, input.sha256);
  if (::access(tree.c_str(), F_OK) == 0) {
    input.path = tree;
    return one_less(bringing);
  }
  fetch(bringing, "tree", input.sha256, [this, bringing, &input, tree] {
    const auto text = read_file(object_path("tree", input.sha256), kMostManifest);
    auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
    if (!files) return fail_with(bringing, files.error().message);
    auto left = std::make_shared<std::size_t>(1);
    const auto object_of = [this](const TreeFile& file) {
      return object_path(file.executable ? "executable" : "file", file.sha256);
    };
    const auto all = std::make_shared<std::vector<TreeFile>>(std::move(*files));
    const auto one = [this, bringing, &input, tree, left, all, object_of] {
      if (--*left > 0) return;
      if (auto built = build_tree(*all, tree, object_of); !built)
        return fail_with(bringing, built.error().message);
      input.path = tree;
      one_less(bringing);
    };
    std::set<std::string> asked;  // the same content twice is fetched once
    for (const TreeFile& file : *all) {
      if (file.empty_directory || !asked.insert(object_of(file)).second || bringing->over) continue;
      ++*left;
      fetch(bringing, file.executable ? "executable" : "file", file.sha256, one);
    }
    if (!bringing->over) one();
  });
}

void Inputs::one_less(const BringingPtr& bringing) {
  if (bringing->over || --bringing->missing > 0) return;
  bringing->over = true;
  bringing_.erase(bringing->request.id);
  bringing->done(std::move(bringing->request));
}

void Inputs::fail_with(const BringingPtr& bringing, const std::string& why) {
  if (bringing->over) return;
  cancel(bringing->request.id);
  bringing->done(fail("an input could not be brought into the Pod: " + why));
}

/// Not while others wait for what is there.
void Inputs::make_room(const protocol::Request& request) const {
  if (!bringing_.empty()) return;
  std::error_code error;
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory_ + "/objects", error)) {
    const std::uintmax_t size = entry.file_size(error);
    if (!error) bytes += size;
  }
  if (bytes <= kKeptBytes) return;
  std::set<std::string> wanted;
  for (const protocol::Input& input : request.inputs) wanted.insert(input.sha256);
  for (const char* kind : {"/objects", "/trees"}) {
    for (const auto& entry : fs::directory_iterator(directory_ + kind, error)) {
      const std::string name = entry.path().stem().string();
      if (!wanted.contains(name)) fs::remove_all(entry.path(), error);
    }
  }
}

}  // namespace scanflow::relay
