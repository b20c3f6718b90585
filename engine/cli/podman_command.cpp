#include "engine/cli/podman_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/text.hpp"
#include "engine/podman/check.hpp"

namespace scanflow::cli {
namespace {

using podman::Finding;
using State = Finding::State;

constexpr const char* kNotReady = "no Pod can run here: the points marked 'problem' say what to do";

Color color_of(State state) {
  switch (state) {
    case State::ok:
    case State::handled:
      return Color::green;
    case State::advice:
      return Color::yellow;
    case State::problem:
      break;
  }
  return Color::red;
}

void print_findings(const podman::Report& report) {
  const bool color = use_color(STDOUT_FILENO);
  for (const Finding& each : report.findings) {
    fmt::print("{}  {}  {}\n",
               paint(pad(podman::name_of(each.state), 7), color_of(each.state), color),
               pad(each.point, 11), printable(each.text));
    if (!each.fix.empty()) fmt::print("{}fix: {}\n", std::string(22, ' '), printable(each.fix));
  }
}

nlohmann::json document_of(const podman::Report& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& each : report.findings) {
    findings.push_back({{"point", each.point},
                        {"state", podman::name_of(each.state)},
                        {"text", each.text},
                        {"fix", each.fix}});
  }
  nlohmann::json document{{"ready", report.ready()}, {"findings", std::move(findings)}};
  if (!report.ready()) document.update({{"error", kNotReady}, {"exit", kEngine}});
  return document;
}

}  // namespace

int podman_check(const Context& context, const PodmanOptions& options) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  podman::CheckOptions check;
  check.podman.directory = state->root / "podman";
  check.launcher = context.worker.parent_path() / "scanflow-exec";
  check.quick = options.quick;
  check.images = {"localhost/scanflow-sidecar", "localhost/scanflow-worker",
                  "localhost/scanflow-python"};
  const podman::Report report = podman::check(check);
  if (context.json) {
    fmt::print("{}\n",
               document_of(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    print_findings(report);
  }
  if (report.ready()) return kSucceeded;
  fmt::print(stderr, "error: {}\n", kNotReady);
  return kEngine;
}

void add_podman(CLI::App& app, const Context& context, PodmanOptions& options,
                std::function<int()>& command) {
  CLI::App* podman = app.add_subcommand("podman", "Pods on this machine, without a cluster");
  podman->require_subcommand(1);
  CLI::App* check = podman->add_subcommand(
      "check", "Whether Pods can run here: what is missing, and what to do; plays a tiny one");
  check->add_flag("--quick", options.quick, "Only look: play no Pod");
  check->callback([&] { command = [&] { return podman_check(context, options); }; });
}

}  // namespace scanflow::cli
