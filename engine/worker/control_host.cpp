#include "engine/worker/control_host.hpp"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "sdk/loader/control_instance.hpp"
#include "sdk/loader/control_messages.hpp"
#include "sdk/loader/library.hpp"

namespace scanflow::worker {
namespace {

using loader::json;

/// Lines of one call; more would be a flood.
constexpr std::size_t kMostLines = 100;

class ControlHostProcess {
 public:
  /// {"answer"} or {"error"}, and "log".
  json answer(const json& asked) {
    log_ = json::array();
    Result<json> said;
    try {
      said = carry_out(asked);
    } catch (const std::exception& error) {  // a question that is none
      said = fail(error.what());
    }
    json message = said ? json{{"answer", *said}} : json{{"error", said.error().message}};
    message["log"] = std::move(log_);
    return message;
  }

 private:
  Result<json> carry_out(const json& asked) {
    const std::string op = asked.at("op");
    const auto id = asked.at("id").get<std::uint64_t>();
    if (op == "load") return load(id, asked);
    if (op == "wake") {
      const auto found = triggers_.find(id);
      if (found == triggers_.end()) return fail("there is no such trigger");
      const auto woken = found->second->wake(loader::wake_up_from_json(asked.at("why")));
      if (!woken) return tl::unexpected(woken.error());
      return to_json(*woken);
    }
    if (op == "decide") {
      const auto found = strategies_.find(id);
      if (found == strategies_.end()) return fail("there is no such strategy");
      const auto decided = found->second->decide(loader::question_from_json(asked.at("question")));
      if (!decided) return tl::unexpected(decided.error());
      return to_json(*decided);
    }
    if (op != "drop") return fail("what is " + op + "?");
    triggers_.erase(id);
    strategies_.erase(id);
    return json::object();
  }

  Result<json> load(std::uint64_t id, const json& asked) {
    auto library = library_of(asked.at("library"));
    if (!library) return tl::unexpected(library.error());
    const loader::ControlLog log = [this](std::int32_t level, std::string_view line) {
      if (log_.size() < kMostLines) log_.push_back({level, line});
    };
    const std::string plugin = asked.at("plugin");
    const json& config = asked.at("config");
    if (asked.at("kind") == "strategy") {
      auto made = loader::StrategyInstance::create(*library, plugin, config, log);
      if (!made) return tl::unexpected(made.error());
      strategies_[id] = std::move(*made);
      return json{{"watches", json::array()}};
    }
    auto made = loader::TriggerInstance::create(*library, plugin, config, log);
    if (!made) return tl::unexpected(made.error());
    const auto watches = (*made)->watches();
    if (!watches) return tl::unexpected(watches.error());
    triggers_[id] = std::move(*made);
    return json{{"watches", *watches}};
  }

  Result<std::shared_ptr<const loader::Library>> library_of(const std::string& path) {
    const auto found = libraries_.find(path);
    if (found != libraries_.end()) return found->second;
    auto loaded = loader::Library::load(path);
    if (!loaded) return tl::unexpected(loaded.error());
    return libraries_[path] = std::move(*loaded);
  }

  std::map<std::string, std::shared_ptr<const loader::Library>> libraries_;
  std::map<std::uint64_t, std::unique_ptr<loader::TriggerInstance>> triggers_;
  std::map<std::uint64_t, std::unique_ptr<loader::StrategyInstance>> strategies_;
  json log_ = json::array();
};

}  // namespace

int run_control_host(int fd) {
  ControlHostProcess host;
  while (true) {
    const auto asked = loader::read_frame(fd, std::chrono::milliseconds(-1));
    if (!asked) {
      std::cerr << "scanflow-worker control: " << asked.error().message << '\n';
      return 1;
    }
    if (!*asked) return 0;
    if (!loader::write_frame(fd, host.answer(**asked))) return 0;
  }
}

}  // namespace scanflow::worker
