#include "engine/inject/inject.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/inject/editor.hpp"
#include "engine/inject/parts.hpp"
#include "engine/inject/pod.hpp"
#include "engine/inject/put.hpp"
#include "engine/inject/record.hpp"
#include "engine/inject/workload.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

/// "spec.template": where a workload has its Pods, for people.
std::string dotted(const Workload& workload) {
  std::string path = workload.pod.substr(workload.object.size() + 1);
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

tl::unexpected<Error> wrong(const Workload& workload, const Error& error) {
  return fail(fmt::format("{}: {}", workload.name, error.message));
}

/// Settings on the object itself, where a template has the say.
std::vector<std::string> misplaced(const json& object, const Workload& workload) {
  std::vector<std::string> notes;
  if (workload.pod == workload.object) return notes;
  const json& annotations =
      member(member(object.at(json::json_pointer(workload.object)), "metadata"), "annotations");
  if (!annotations.is_object()) return notes;
  for (const auto& [key, value] : annotations.items()) {
    if (!key.starts_with(kAnnotationPrefix)) continue;
    notes.push_back(fmt::format("the annotation {} says nothing here: put it into {}.metadata", key,
                                dotted(workload)));
  }
  return notes;
}

void tell(const PodFacts& facts, Report& report) {
  std::vector<std::string> seen_only;
  for (const AppContainer& each : facts.app) {
    if (!each.has_command) seen_only.push_back(each.name);
  }
  if (!seen_only.empty()) {
    report.notes.push_back(
        fmt::format("without an explicit command {} {} not watched yet, nor steered: the "
                    "entrypoint of an image "
                    "is unknown here",
                    fmt::join(seen_only, ", "), seen_only.size() == 1 ? "is" : "are"));
  }
}

class Injection {
 public:
  Injection(const json& object, const Settings& settings) : object_(object), settings_(settings) {}

  Result<void> run(const Workload& workload) {
    Report report{workload.name, workload.object, Outcome::skipped, "", {}};
    const json::json_pointer place(workload.pod);
    if (!object_.contains(place) || !object_.at(place).is_object()) {
      report.reason = fmt::format("it has no {}", dotted(workload));
      patch_.reports.push_back(std::move(report));
      return {};
    }
    const json& pod = object_.at(place);
    const json& annotations = member(member(pod, "metadata"), "annotations");
    if (settings_.keep_injected && !member(annotations, kInjected).is_null()) {
      report.reason = "it was injected before it came here";
      patch_.reports.push_back(std::move(report));
      return {};
    }
    auto read = with_annotations(settings_, annotations);
    if (!read) return wrong(workload, read.error());
    auto record = record_of(pod);
    if (!record) return wrong(workload, record.error());
    report.notes = std::move(read->warnings);
    for (std::string& note : misplaced(object_, workload)) report.notes.push_back(std::move(note));
    Editor editor(pod, workload.pod);
    if (*record) restore(editor, **record);
    report.reason = refusal(editor.value(), workload, read->settings);
    if (report.reason.empty()) {
      const PodFacts facts = facts_of(editor.value(), read->settings);
      put_into(editor, facts, read->settings);
      report.outcome = *record ? Outcome::replaced : Outcome::injected;
      tell(facts, report);
    } else if (*record) {
      report.outcome = Outcome::removed;  // it is to have none any more
    }
    keep(editor, pod, report);
    return {};
  }

  Patch take() { return std::move(patch_); }

 private:
  void keep(Editor& editor, const json& before, Report& report) {
    if (editor.value() == before) {
      if (report.outcome == Outcome::replaced) report.outcome = Outcome::unchanged;
    } else {
      for (json& operation : editor.take_operations())
        patch_.operations.push_back(std::move(operation));
    }
    patch_.reports.push_back(std::move(report));
  }

  const json& object_;
  const Settings& settings_;
  Patch patch_;
};

}  // namespace

std::string_view describe(Outcome outcome) {
  switch (outcome) {
    case Outcome::injected:
      return "injected";
    case Outcome::replaced:
      return "replaced";
    case Outcome::unchanged:
      return "unchanged";
    case Outcome::skipped:
      return "skipped";
    case Outcome::removed:
      return "removed";
  }
  return "";
}

Result<Patch> inject(const json& object, std::string_view name_space, const Settings& settings) {
  Injection injection(object, settings);
  for (const Workload& workload : workloads(object, name_space)) {
    if (auto done = injection.run(workload); !done) return tl::unexpected(done.error());
  }
  return injection.take();
}

Result<Patch> uninject(const json& object) {
  Patch patch;
  for (const Workload& workload : workloads(object, "")) {
    Report report{workload.name, workload.object, Outcome::skipped, "nothing was injected", {}};
    const json::json_pointer place(workload.pod);
    if (object.contains(place)) {
      const json& pod = object.at(place);
      const auto record = record_of(pod);
      if (!record) return wrong(workload, record.error());
      if (*record) {
        Editor editor(pod, workload.pod);
        restore(editor, **record);
        for (json& operation : editor.take_operations())
          patch.operations.push_back(std::move(operation));
        report.outcome = Outcome::removed;
        report.reason.clear();
      }
    }
    patch.reports.push_back(std::move(report));
  }
  return patch;
}

}  // namespace scanflow::inject
