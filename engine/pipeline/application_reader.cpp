#include "engine/pipeline/application_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/application_fields.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/metadata_reader.hpp"
#include "engine/pipeline/one_document.hpp"
#include "engine/pipeline/policy_reader.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kLongestNamespace = 63;

class ApplicationReader {
 public:
  ApplicationReader(const Node& root, const Reading& reading, Problems& problems)
      : root_(root), reading_(reading), problems_(problems) {}

  ApplicationSpec read() {
    const MapReader map(root_, application_fields(), problems_);
    Metadata metadata = read_metadata(map, reading_, "application", problems_);
    out_.name = std::move(metadata.name);
    out_.name_space = std::move(metadata.name_space);
    out_.labels = std::move(metadata.labels);
    const Node* const teams = map.get("teams");
    if (teams == nullptr) return std::move(out_);
    if (teams->items.empty())
      problems_.add(*teams, "an application has a team").hint = "teams: [{name: NAME}]";
    for (const Node* team : teams->items) read_team(*team);
    for (const auto& [node, use] : uses_) check_use(*node, use);
    return std::move(out_);
  }

 private:
  void read_team(const Node& root) {
    const MapReader map(root, application_team_fields(), problems_);
    Team team;
    if (const Node* name = map.get("name")) {
      team.name = name->text;
      team.name_space = out_.name + "-" + team.name;
      check_name(*name, team);
    }
    if (const Node* quota = map.get("quota")) read_quota(*quota, team.quota);
    if (const Node* secrets = map.get("secrets")) {
      team.secrets.emplace();
      for (const Node* each : secrets->items)
        read_secret(*each, team.secrets->emplace_back(), problems_);
    }
    if (const Node* uses = map.get("uses")) {
      for (const Node* each : uses->items) {
        const auto use = each->is_scalar() ? parse_use(each->text) : std::nullopt;
        if (!use) continue;  // reported
        const auto same = [&](const PipelineRight& other) {
          return to_text(other) == to_text(*use);
        };
        if (std::any_of(team.uses.begin(), team.uses.end(), same))
          problems_.add(*each, fmt::format("'{}' is there twice", to_text(*use))).hint =
              "remove one of them";
        team.uses.push_back(*use);
        uses_.emplace_back(each, *use);
      }
    }
    out_.teams.push_back(std::move(team));
  }

  void check_name(const Node& name, const Team& team) {
    const auto same = [&](const Team& other) { return other.name == team.name; };
    if (!is_label(team.name)) {
      problems_.add(name, fmt::format("'{}' is not the name of a team", printable(team.name)))
          .hint = std::string(kLabelRule);
    } else if (std::any_of(out_.teams.begin(), out_.teams.end(), same)) {
      problems_.add(name, fmt::format("duplicate team '{}'", team.name)).hint =
          "give each team a name of its own";
    } else if (team.name_space.size() > kLongestNamespace) {
      problems_
          .add(name,
               fmt::format("its namespace would be '{}': {} letters, and {} are allowed",
                           printable(team.name_space), team.name_space.size(), kLongestNamespace))
          .hint = "shorten the name of the team, or of the application";
    } else if (team.name.back() == '-') {
      problems_
          .add(name, fmt::format("its namespace would be '{}', and one ends with a letter or digit",
                                 team.name_space))
          .hint = fmt::format("'{}'", team.name.substr(0, team.name.find_last_not_of('-') + 1));
    }
  }

  void read_quota(const Node& node, Quota& quota) {
    const MapReader map(node, application_quota_fields(), problems_);
    if (node.is_map() && node.items.empty())
      problems_.add(node, "the quota limits nothing").hint = "{runs: 4, cpus: 8}, or leave it out";
    const auto count = [&](const char* name, std::optional<std::uint32_t>& into) {
      if (const Node* value = map.get(name)) into = static_cast<std::uint32_t>(number_of(*value));
    };
    count("runs", quota.runs);
    count("gpus", quota.gpus);
    count("services", quota.services);
    if (const Node* cpus = map.get("cpus")) quota.cpus = parse_cpu(cpus->text).value_or(0);
    if (const Node* memory = map.get("memory"))
      quota.memory = parse_bytes(memory->text).value_or(0);
  }

  /// A team of this application that there is not: of other namespaces nothing is known here.
  void check_use(const Node& node, const PipelineRight& use) {
    std::vector<std::string> namespaces;
    for (const Team& team : out_.teams) namespaces.push_back(team.name_space);
    if (!use.name_space.starts_with(out_.name + "-") || out_.name.empty()) return;
    if (std::find(namespaces.begin(), namespaces.end(), use.name_space) != namespaces.end()) return;
    const std::string near = nearest(use.name_space, namespaces);
    Diagnostic& problem = problems_.add(
        node, fmt::format("'{}' would be the namespace of a team '{}', and {} has none",
                          printable(use.name_space),
                          printable(use.name_space.substr(out_.name.size() + 1)), out_.name));
    if (!near.empty())
      problem.hint = fmt::format("did you mean '{}{}'?", near,
                                 node.text.substr(std::min(node.text.find('/'), node.text.size())));
    else
      problem.notes.push_back("its namespaces are " + join_or(namespaces, "and"));
  }

  const Node& root_;
  const Reading& reading_;
  Problems& problems_;
  ApplicationSpec out_;
  std::vector<std::pair<const Node*, PipelineRight>> uses_;  // of all teams
};

}  // namespace

std::optional<PipelineRight> parse_use(std::string_view text) {
  if (text.ends_with("/*")) {
    const std::string_view name_space = text.substr(0, text.size() - 2);
    if (!is_label(name_space)) return std::nullopt;
    return PipelineRight{std::string(name_space), "", std::nullopt};
  }
  const auto reference = parse_reference(text);
  if (!reference || reference->name_space.empty()) return std::nullopt;
  return PipelineRight{reference->name_space, reference->name, reference->version};
}

std::string to_text(const PipelineRight& use) {
  if (use.name.empty()) return use.name_space + "/*";
  return to_text(Reference{use.name_space, use.name, use.version});
}

ApplicationSpec read_application_root(const Node& root, const Reading& reading,
                                      Problems& problems) {
  ApplicationSpec application = ApplicationReader(root, reading, problems).read();
  application.file = problems.source().file();
  return application;
}

ReadApplicationResult read_application(const std::string& file, const std::string& text,
                                       const std::string& name_space) {
  ReadApplicationResult result;
  const loader::Catalog none = loader::Catalog::built_in();
  result.errors = read_one(file, text, none, name_space, "application",
                           [&](const Node& root, const Reading& reading, Problems& problems) {
                             ApplicationSpec read = read_application_root(root, reading, problems);
                             for (const Team& team : read.teams) {
                               if (!read.name.empty() && !team.name.empty())
                                 result.name_spaces.push_back(team.name_space);
                             }
                             if (problems.empty())
                               result.application =
                                   std::make_shared<const ApplicationSpec>(std::move(read));
                           });
  return result;
}

}  // namespace scanflow::pipeline
