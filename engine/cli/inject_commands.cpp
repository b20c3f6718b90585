#include "engine/cli/inject_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/cli/inject_settings.hpp"
#include "engine/cli/manifest_files.hpp"
#include "engine/cli/text.hpp"
#include "engine/inject/rewrite.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::cli {

namespace {

using nlohmann::json;

/// On stderr: stdout is the manifest's. What a manifest says must not drive the terminal, nor forge a line.
void say_line(const std::string& line) { fmt::print(stderr, "{}\n", printable(line)); }

void tell(const inject::Rewritten& rewritten, bool quiet) {
  for (const std::string& note : rewritten.notes) say_line("warning: " + note);
  for (const auto& [place, report] : rewritten.said) {
    const bool skipped = !report.reason.empty();
    if (!quiet || skipped) {
      say_line(fmt::format("{}: {} {}{}", place, report.workload, describe(report.outcome),
                           skipped ? ": " + report.reason : ""));
    }
    for (const std::string& note : report.notes)
      say_line(fmt::format("warning: {}: {}: {}", place, report.workload, note));
  }
}

int put_out(const Context& context, const InjectOptions& options, const std::string& text) {
  if (options.to.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kSucceeded;
  }
  if (auto written = write_where_told(options.to, text); !written)
    return complain(context, kUsage, written.error().message);
  return kSucceeded;
}

int rewrite_all(const Context& context, const InjectOptions& options,
                const inject::PatchOf& patch_of) {
  const auto files = manifest_files(options.files);
  if (!files) return complain(context, kUsage, files.error().message);
  std::vector<std::string> texts, errors;
  std::vector<inject::Rewritten> all;
  json objects = json::array();
  for (const std::string& file : *files) {
    const auto text = read_manifest(file);
    if (!text) {
      errors.push_back(text.error().message);
      continue;
    }
    auto rewritten = inject::rewrite(file == "-" ? "<stdin>" : file, *text, patch_of, context.json);
    errors.insert(errors.end(), rewritten.errors.begin(), rewritten.errors.end());
    texts.push_back(std::move(rewritten.text));
    for (json& object : rewritten.objects) objects.push_back(std::move(object));
    all.push_back(std::move(rewritten));
  }
  if (!errors.empty()) {
    return complain(context, kUsage,
                    fmt::format("error: {}\nnothing was written", fmt::join(errors, "\nerror: ")));
  }
  for (const inject::Rewritten& each : all) tell(each, options.quiet);
  if (!context.json) return put_out(context, options, inject::joined(texts));
  const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(objects)}};
  return put_out(context, options, list.dump() + "\n");
}

}  // namespace

int inject(const Context& context, const InjectOptions& options) {
  const auto settings = settings_of(options.values, options.version);
  if (!settings) return complain(context, kUsage, settings.error().message);
  const std::string name_space = options.name_space.empty() ? "default" : options.name_space;
  return rewrite_all(context, options, [&](const json& object) {
    return inject::inject(object, name_space, *settings);
  });
}

int uninject(const Context& context, const InjectOptions& options) {
  return rewrite_all(context, options, [](const json& object) { return inject::uninject(object); });
}

}  // namespace scanflow::cli
