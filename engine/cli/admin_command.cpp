#include "engine/cli/admin_command.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include "engine/cli/connection.hpp"
#include "engine/cli/text.hpp"
#include "engine/store/check.hpp"
#include "engine/store/garbage.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

/// No cached result is so old: a hundred years.
constexpr std::int64_t kOlderThanAny = 3'155'760'000'000'000;

/// What a state directory of this machine has; an error elsewhere.
struct OpenState {
  runtime::StateDirectory state;
  std::unique_ptr<store::Store> store;
};
Result<OpenState> open_here(const Context& context) {
  if (!context.server.empty())
    return fail(
        "--server: the files are looked at where they lie; run this on that machine, with its "
        "--state");
  auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  auto store = store::Store::open_read_only(state->root);
  if (!store) return tl::unexpected(store.error());
  return OpenState{std::move(*state), std::move(*store)};
}

json checked_document(const store::Checked& checked) {
  json damages = json::array();
  for (const store::Damage& each : checked.damages)
    damages.push_back({{"sha256", each.sha256}, {"why", each.why}, {"owner", each.owner}});
  return {{"files", checked.files},
          {"directories", checked.directories},
          {"bytes", checked.bytes},
          {"damages", std::move(damages)}};
}

int check_state(const Context& context, bool quarantine) {
  const auto open = open_here(context);
  if (!open) return complain(context, kEngine, open.error().message);
  const auto checked = store::check_artifacts(*open->store, open->state.artifacts(), quarantine);
  if (!checked) return complain(context, kEngine, checked.error().message);
  if (context.json) {
    fmt::print("{}\n",
               checked_document(*checked).dump(-1, ' ', false, json::error_handler_t::replace));
    return checked->damages.empty() ? kSucceeded : kRunFailed;
  }
  fmt::print("{} files and {} directories, {}: {}\n", checked->files, checked->directories,
             format_bytes(checked->bytes),
             checked->damages.empty() ? "all are what they were"
                                      : fmt::format("{} are not", checked->damages.size()));
  std::vector<std::vector<std::string>> rows;
  for (const store::Damage& each : checked->damages)
    rows.push_back({each.sha256.substr(0, 12), printable(each.owner), printable(each.why)});
  if (rows.empty()) return kSucceeded;
  fmt::print("{}", table({"SHA-256", "OF", "WHY"}, rows, table_width(1)));
  fmt::print("{}\n", quarantine ? "They were moved to " +
                                      (open->state.artifacts() / "quarantine").string() +
                                      ": run what made them again, or put copies back"
                                : "--quarantine moves them aside, so that what makes them again "
                                  "stores them whole");
  return kRunFailed;
}

int say_collected(const Context& context, const char* what, const json& found) {
  if (context.json) {
    fmt::print("{}\n", found.dump());
  } else {
    fmt::print("{} {} of artifacts that nothing refers to\n", what,
               format_bytes(found.at("bytes").get<std::uint64_t>()));
  }
  return kSucceeded;
}

int collect_state(const Context& context, bool dry_run) {
  if (dry_run) {
    const auto open = open_here(context);
    if (!open) return complain(context, kEngine, open.error().message);
    const auto garbage = store::find_garbage(*open->store, open->state.artifacts(),
                                             wall_us() - store::kGarbageAgeUs);
    if (!garbage) return complain(context, kEngine, garbage.error().message);
    return say_collected(context, "would free", {{"bytes", garbage->bytes}});
  }
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  // Whoever forgets cached results collects what they were; here none are forgotten.
  const auto done =
      ask_any_engine(context, *state, {{"op", "clear_cache"}, {"age_us", kOlderThanAny}});
  if (!done) return complain(context, done.error());
  return say_collected(context, "freed", {{"bytes", done->at("bytes")}});
}

}  // namespace

void add_admin(CLI::App& app, const Context& context, AdminOptions& options,
               std::function<int()>& command) {
  CLI::App* admin =
      app.add_subcommand("admin", "The state directory: is it whole, what is garbage");
  admin->require_subcommand(1);
  CLI::App* check = admin->add_subcommand(
      "check",
      "Read all artifacts and compare them with their digests. Exit status 1 where one is damaged "
      "or missing");
  check->add_flag("--quarantine", options.quarantine, "Move what is damaged aside");
  check->callback([&] { command = [&] { return check_state(context, options.quarantine); }; });
  CLI::App* gc = admin->add_subcommand(
      "gc",
      "Remove artifacts, an hour old, that no run, model, tracked file or cached result needs");
  gc->add_flag("--dry-run", options.dry_run, "Only say how much that is");
  gc->callback([&] { command = [&] { return collect_state(context, options.dry_run); }; });
}

}  // namespace scanflow::cli
