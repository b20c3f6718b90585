#include "engine/cli/service_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/registry_commands.hpp"
#include "engine/cli/text.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

std::string latency_text(const json& row, const char* field) {
  const auto us = row.value(field, std::int64_t{0});
  return us == 0 ? "-" : fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

std::string share_text(const json& row, const char* field) {
  return fmt::format("{:.3g}%", row.value(field, 0.0) * 100);
}

std::string models_text(const json& row) {
  std::string text;
  const json models = row.value("models", json::object());
  for (const auto& [node, versions] : models.items()) {
    for (const json& version : versions) {
      text += fmt::format("{}{}/{}", text.empty() ? "" : " ", node,
                          version.at("version").get<std::string>());
      if (version.value("shadow", false)) {
        text += " (shadow)";
      } else if (versions.size() > 1) {
        text += fmt::format(" ({:g})", version.at("weight").get<double>());
      }
    }
  }
  return text;
}

api::Answer<json> ask(const Context& context, const std::string& target) {
  if (context.server.empty()) {
    return tl::unexpected(api::Failure{
        0, kUsage,
        "services are run by a server: say which with --server URL or $SCANFLOW_SERVER"});
  }
  const auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  return client->json_of({.target = target});
}

int list_services(const Context& context) {
  const auto answer = ask(context, "/api/v1/services");
  if (!answer) return complain(context, answer.error());
  if (context.json) {
    fmt::print("{}\n", answer->dump());
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& row : answer->at("services")) {
    rows.push_back({row.at("namespace"), row.at("name"), row.at("status"),
                    fmt::format("{}/{}", row.value("ready", 0), row.value("replicas", 0)),
                    std::to_string(row.value("requests", std::uint64_t{0})),
                    latency_text(row, "p50_us"), latency_text(row, "p99_us"), models_text(row)});
  }
  fmt::print("{}",
             table({"NAMESPACE", "NAME", "STATUS", "READY", "REQUESTS", "P50", "P99", "MODELS"},
                   rows, table_width(1), {4, 5, 6}));
  return kSucceeded;
}

std::string where_of(const json& process) {
  if (process.contains("pid")) return fmt::format("pid {}", process.at("pid").get<int>());
  return process.contains("pod") ? "Pod " + process.at("pod").get<std::string>()
                                 : "on " + process.value("node", "");
}

void print_process(const json& process) {
  fmt::print("  {:<8} {:<9} {}\n", process.at("id").get<std::string>(),
             process.at("state").get<std::string>(), where_of(process));
  if (const std::string problem = process.value("problem", ""); !problem.empty())
    fmt::print("    {}\n", printable(problem));
  if (!process.contains("says")) return;
  for (const json& node : process.at("says").at("nodes")) {
    for (const json& version : node.at("versions")) {
      const json& call = version.at("call");
      fmt::print("    {} {}/{}: {} requests in {} calls, {} failed, call p50 {} p99 {}\n",
                 node.at("type").get<std::string>(), node.at("name").get<std::string>(),
                 version.at("version").get<std::string>(), version.at("requests").dump(),
                 version.at("calls").dump(), version.at("failures").dump(),
                 latency_text(call, "p50_us"), latency_text(call, "p99_us"));
      if (version.contains("compared")) {
        fmt::print("      shadow: {} of {} rows answered alike\n", version.at("alike").dump(),
                   version.at("compared").dump());
      }
    }
  }
}

void print_backup(const json& backup) {
  fmt::print("backup    {}, {}; {} requests\n", models_text(backup),
             backup.at("answers").get<bool>() ? "answers: no replica is ready"
             : backup.at("ready") > 0         ? "ready"
                                              : "not ready",
             backup.at("requests").dump());
}

void print_service(const json& row) {
  fmt::print("{}/{} (version {})  {}\n", row.at("namespace").get<std::string>(),
             row.at("name").get<std::string>(), row.at("version").dump(),
             row.at("status").get<std::string>());
  if (const std::string problem = row.at("problem"); !problem.empty())
    fmt::print("problem   {}\n", printable(problem));
  if (row.at("url").is_null()) return;
  fmt::print("url       {}\n", row.at("url").get<std::string>());
  fmt::print("replicas  {} of {} ready\n", row.at("ready").dump(), row.at("replicas").dump());
  fmt::print("requests  {}, {} on their way; p50 {} p99 {}", row.value("requests", 0),
             row.value("in_flight", 0), latency_text(row, "p50_us"), latency_text(row, "p99_us"));
  if (row.contains("slo_p99_us")) {
    const bool kept = row.value("p99_us", 0) <= row.at("slo_p99_us");
    fmt::print(" ({} {})", kept ? "within the promised" : "over the promised",
               latency_text(row, "slo_p99_us"));
  }
  fmt::print("; errors {}", share_text(row, "errors"));
  if (row.contains("slo_errors")) {
    const bool kept = row.value("errors", 0.0) <= row.at("slo_errors");
    fmt::print(" ({} {})", kept ? "within the promised" : "over the promised",
               share_text(row, "slo_errors"));
  }
  fmt::print("\nmodels    {}\n", models_text(row));
  if (row.contains("backup")) print_backup(row.at("backup"));
  fmt::print("processes\n");
  for (const json& process : row.at("processes")) print_process(process);
}

/// "NAMESPACE/NAME" as segments of a path.
std::string path_of(const ServiceOptions& options) {
  const auto slash = options.name.find('/');
  if (slash != std::string::npos) return options.name;
  return (options.name_space.empty() ? "default" : options.name_space) + "/" + options.name;
}

int show_service(const Context& context, const ServiceOptions& options) {
  const auto answer = ask(context, "/api/v1/services/" + path_of(options));
  if (!answer) return complain(context, answer.error());
  if (context.json) {
    fmt::print("{}\n", answer->dump());
  } else {
    print_service(*answer);
  }
  return kSucceeded;
}

int show_logs(const Context& context, const ServiceOptions& options) {
  const auto answer = ask(context, "/api/v1/services/" + path_of(options) + "/logs");
  if (!answer) return complain(context, answer.error());
  fmt::print("{}", context.json ? answer->dump() + "\n" : answer->at("text").get<std::string>());
  return kSucceeded;
}

}  // namespace

void add_service(CLI::App& app, const Context& context, ServiceOptions& options,
                 std::function<int()>& command) {
  CLI::App* service = app.add_subcommand(
      "service", "Inference services that a server runs ('apply' registers them)");
  service->require_subcommand(1);
  service->add_subcommand("list", "All of them, and how they fare")->callback([&] {
    command = [&] { return list_services(context); };
  });
  const auto add = [&](const char* name, const char* help,
                       int (*run)(const Context&, const ServiceOptions&)) {
    CLI::App* each = service->add_subcommand(name, help);
    each->add_option("SERVICE", options.name, "NAME, or NAMESPACE/NAME")->required();
    add_namespace(*each, options.name_space, "Its namespace (default: default)");
    each->callback([&, run] { command = [&, run] { return run(context, options); }; });
  };
  add("show", "One of them, with its processes and versions", show_service);
  add("logs", "The last of what its processes have logged", show_logs);
}

}  // namespace scanflow::cli
