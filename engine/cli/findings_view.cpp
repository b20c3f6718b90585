#include "engine/cli/findings_view.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/cli/text.hpp"

namespace scanflow::cli {
namespace {

using State = Finding::State;

Color finding_color(State state) {
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

void print(const std::vector<Finding>& findings) {
  const bool color = use_color(STDOUT_FILENO);
  std::size_t width = 0;
  for (const Finding& each : findings) width = std::max(width, each.point.size());
  for (const Finding& each : findings) {
    fmt::print("{}  {}  {}\n", paint(pad(name_of(each.state), 7), finding_color(each.state), color),
               pad(each.point, width), printable(each.text));
    if (!each.fix.empty())
      fmt::print("{}fix: {}\n", std::string(width + 11, ' '), printable(each.fix));
  }
}

nlohmann::json document_of(const std::vector<Finding>& findings, const char* not_ready) {
  nlohmann::json all = nlohmann::json::array();
  for (const Finding& each : findings) {
    all.push_back({{"point", each.point},
                   {"state", name_of(each.state)},
                   {"text", each.text},
                   {"fix", each.fix}});
  }
  nlohmann::json document{{"ready", is_ready(findings)}, {"findings", std::move(all)}};
  if (!is_ready(findings)) document.update({{"error", not_ready}, {"exit", kEngine}});
  return document;
}

}  // namespace

int show_findings(const Context& context, const std::vector<Finding>& findings,
                  const char* not_ready) {
  if (context.json) {
    fmt::print("{}\n", document_of(findings, not_ready)
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    print(findings);
  }
  if (is_ready(findings)) return kSucceeded;
  fmt::print(stderr, "error: {}\n", not_ready);
  return kEngine;
}

}  // namespace scanflow::cli
