#include "engine/serve/model_source.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/store/artifacts.hpp"
#include "engine/track/tracker.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::serve {
namespace {

using nlohmann::json;

constexpr std::string_view kScheme = "models:/";

Result<json> ask(store::Store& store, const std::string& path, const json& request) {
  const track::Endpoint* const endpoint = track::find_endpoint("GET", path);
  if (endpoint == nullptr) return fail("the tracker has no " + path);
  const track::Tracker tracker(store,
                               {[] { return wall_us() / 1000; }, [] { return std::string(); }});
  const auto answer = tracker.run(*endpoint->call, request);
  if (!answer) return fail(answer.error().message);
  return json::parse(*answer);
}

Result<json> newest(store::Store& store, const std::string& name) {
  std::string quoted;
  for (const char c : name) quoted += c == '\'' ? "''" : std::string(1, c);
  auto found = ask(store, "model-versions/search",
                   {{"filter", fmt::format("name = '{}'", quoted)},
                    {"order_by", "version_number DESC"},
                    {"max_results", "1"}});
  if (!found) return found;
  const json& versions = found->at("model_versions");
  if (versions.empty()) return fail(fmt::format("no model '{}' is registered", name));
  return versions[0];
}

Result<json> registered(store::Store& store, const std::string& reference) {
  const std::string word = reference.substr(kScheme.size());
  const auto cut = word.find_first_of("@/");
  const std::string name = word.substr(0, cut);
  if (cut == std::string::npos) return newest(store, name);
  const std::string rest = word.substr(cut + 1);
  auto found = word[cut] == '@'
                   ? ask(store, "registered-models/alias", {{"name", name}, {"alias", rest}})
                   : ask(store, "model-versions/get", {{"name", name}, {"version", rest}});
  if (!found) return found;
  return found->at("model_version");
}

}  // namespace

bool is_registered(const std::string& reference) { return reference.starts_with(kScheme); }

Result<FoundModel> find_model(store::Store* store, const std::filesystem::path& artifacts_root,
                              const std::string& reference,
                              const std::filesystem::path& directory) {
  if (!is_registered(reference)) {
    const auto path = std::filesystem::absolute(directory / reference).lexically_normal();
    std::error_code error;
    if (!std::filesystem::exists(path, error))
      return fail(fmt::format("there is no file {}", path.string()));
    return FoundModel{path.stem().string(), path.string()};
  }
  if (store == nullptr)
    return fail(fmt::format("{}: no model is registered yet: there is no database", reference));
  const auto version = registered(*store, reference);
  if (!version) return fail(fmt::format("{}: {}", reference, version.error().message));
  const std::string number = version->at("version");
  const json ours = version->value("scanflow", json::object());
  const std::string sha256 = ours.value("sha256", "");
  if (sha256.empty()) {
    return fail(fmt::format("{} is version {}, whose files are not in this store ({})", reference,
                            number, version->value("source", "no source")));
  }
  const store::Artifacts artifacts(artifacts_root);
  for (const bool is_directory : {false, true}) {
    if (const auto found = artifacts.find(sha256, is_directory))
      return FoundModel{number, found->path.string(), sha256, is_directory};
  }
  return fail(
      fmt::format("{}: its files (sha256 {}) are not in the store any more", reference, sha256));
}

}  // namespace scanflow::serve
