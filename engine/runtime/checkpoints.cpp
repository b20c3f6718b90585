#include "engine/runtime/checkpoints.hpp"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "sdk/base/digest.hpp"

namespace scanflow::runtime {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDigits = 32;

std::string short_hash(const std::string& text) { return sha256_hex(text).substr(0, kDigits); }

fs::path of_step(const StateDirectory& state, const std::string& run, const std::string& step) {
  return state.checkpoints() / run / short_hash(step);
}

}  // namespace

std::string checkpoint_directory(const StateDirectory& state, const protocol::Request& request,
                                 const std::map<std::string, std::string>& own, bool beside) {
  if (request.library.empty() && request.uses != "command") return {};
  nlohmann::json work = {request.uses, request.config, own};
  for (const protocol::Input& input : request.inputs) work.push_back({input.name, input.sha256});
  std::string name =
      short_hash(work.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (beside) name += "-" + std::to_string(request.id.attempt);
  return of_step(state, request.id.run, request.id.step) / name;
}

void inherit_checkpoints(const StateDirectory& state, const std::string& earlier,
                         const std::string& run) {
  std::error_code ignored;  // mostly there is nothing; or the engine that began the run has done it
  fs::rename(state.checkpoints() / earlier, state.checkpoints() / run, ignored);
}

bool has_checkpoints(const StateDirectory& state, const std::string& run, const std::string& step) {
  return ::access(of_step(state, run, step).c_str(), F_OK) == 0;
}

void remove_checkpoints(const StateDirectory& state, const std::string& run,
                        const std::string& step) {
  std::error_code ignored;  // what stays goes with the run
  fs::remove_all(of_step(state, run, step), ignored);
}

void remove_checkpoints(const StateDirectory& state, const std::string& run) {
  std::error_code ignored;  // swept with the next garbage
  fs::remove_all(state.checkpoints() / run, ignored);
}

}  // namespace scanflow::runtime
