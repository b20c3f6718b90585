#include "engine/cli/model_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/cli/text.hpp"
#include "engine/cli/tracker_link.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

/// What a word means: models:/NAME@ALIAS.
struct Reference {
  std::string name, version, alias;
};

Reference reference_of(std::string word) {
  constexpr std::string_view kScheme = "models:/";
  if (word.starts_with(kScheme)) word.erase(0, kScheme.size());
  if (const auto at = word.find('@'); at != std::string::npos)
    return {word.substr(0, at), "", word.substr(at + 1)};
  if (const auto at = word.find('/'); at != std::string::npos)
    return {word.substr(0, at), word.substr(at + 1), ""};
  return {word, "", ""};
}

api::Answer<json> model_of(const Context& context, const std::string& name) {
  auto answer =
      ask_tracker(context, {.path = "registered-models/get", .request = {{"name", name}}});
  if (!answer) return answer;
  return answer->at("registered_model");
}

api::Answer<json> versions_of(const Context& context, const std::string& name) {
  std::string quoted;
  for (const char c : name) quoted += c == '\'' ? "''" : std::string(1, c);
  auto answer = ask_tracker(context, {.path = "model-versions/search",
                                      .request = {{"filter", fmt::format("name = '{}'", quoted)},
                                                  {"order_by", "version_number DESC"}}});
  if (!answer) return answer;
  return answer->at("model_versions");
}

/// The newest where the word names none.
api::Answer<json> version_of(const Context& context, const Reference& reference) {
  json request = {{"name", reference.name}};
  std::string path = "model-versions/get";
  if (!reference.alias.empty()) {
    path = "registered-models/alias";
    request["alias"] = reference.alias;
  } else if (!reference.version.empty()) {
    request["version"] = reference.version;
  } else {
    auto model = model_of(context, reference.name);
    if (!model) return model;
    auto all = versions_of(context, reference.name);
    if (!all) return all;
    if (all->empty())
      return api::missing(fmt::format("model '{}' has no version yet", reference.name));
    return all->at(0);
  }
  auto answer = ask_tracker(context, {.path = path, .request = request});
  if (!answer) return answer;
  return answer->at("model_version");
}

std::string version_text(const json& value) {
  return printable(value.is_string() ? value.get<std::string>()
                                     : value.dump(-1, ' ', false, json::error_handler_t::replace));
}

/// "accuracy 0.972, loss 0.08"
std::string metrics_text(const json& version) {
  std::string all;
  const json metrics = version.value("/scanflow/metrics"_json_pointer, json::object());
  for (const auto& [name, value] : metrics.items())
    all += fmt::format(
        "{}{} {}", all.empty() ? "" : ", ", printable(name),
        value.is_number_float() ? fmt::format("{:.4g}", value.get<double>()) : version_text(value));
  return all;
}

std::string since_text(const json& milliseconds) {
  return format_age(milliseconds.get<std::int64_t>() * 1000, wall_us());
}

std::string joined(const json& texts) {
  std::vector<std::string> all;
  for (const json& each : texts) all.push_back(version_text(each));
  return fmt::format("{}", fmt::join(all, ", "));
}

int list_models(const Context& context) {
  json all = json::array();
  json request = json::object();
  do {
    const auto page =
        ask_tracker(context, {.path = "registered-models/search", .request = request});
    if (!page) return complain(context, page.error());
    for (const json& each : page->at("registered_models")) all.push_back(each);
    request = {{"page_token", page->value("next_page_token", "")}};
  } while (!request["page_token"].get_ref<const std::string&>().empty());
  if (context.json) {
    fmt::print("{}\n", json{{"models", all}}.dump());
    return kSucceeded;
  }
  if (all.empty()) {
    fmt::print(
        "no model is registered yet: the step model.register does it, or MLflow's clients\n");
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& each : all) {
    std::int64_t newest = 0;
    for (const json& version : each.at("latest_versions"))
      newest = std::max<std::int64_t>(newest, std::stoll(version.at("version").get<std::string>()));
    std::vector<std::string> aliases;
    for (const json& alias : each.at("aliases"))
      aliases.push_back(
          fmt::format("{}={}", version_text(alias.at("alias")), version_text(alias.at("version"))));
    rows.push_back({version_text(each.at("name")), newest == 0 ? "-" : std::to_string(newest),
                    fmt::format("{}", fmt::join(aliases, ", ")),
                    since_text(each.at("last_updated_timestamp")),
                    version_text(each.at("description"))});
  }
  fmt::print("{}", table({"MODEL", "NEWEST", "ALIASES", "CHANGED", ""}, rows, table_width(1), {1}));
  return kSucceeded;
}

int show_versions(const Context& context, const std::string& name) {
  const auto model = model_of(context, name);
  if (!model) return complain(context, model.error());
  const auto versions = versions_of(context, name);
  if (!versions) return complain(context, versions.error());
  if (context.json) {
    json document = *model;
    document["versions"] = *versions;
    fmt::print("{}\n", document.dump());
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& each : *versions) {
    rows.push_back(
        {version_text(each.at("version")), joined(each.at("aliases")),
         each.at("current_stage") == "None" ? "" : version_text(each.at("current_stage")),
         since_text(each.at("creation_timestamp")),
         short_id(each.value("/scanflow/run"_json_pointer, std::string())), metrics_text(each)});
  }
  fmt::print("{}", table({"VERSION", "ALIASES", "STAGE", "MADE", "RUN", "METRICS"}, rows,
                         table_width(1), {0}));
  return kSucceeded;
}

/// What there is to say of a version, a line each.
std::map<std::string, std::string> facts_of(const json& version) {
  std::map<std::string, std::string> facts;
  for (const char* name : {"description", "current_stage", "source", "run_id"}) {
    // Of a pipeline's model that is a name of this very version; its digest tells more.
    if (std::string_view(name) == "source" && version.contains("scanflow")) continue;
    if (const std::string text = version_text(version.at(name)); !text.empty() && text != "None")
      facts[name] = text;
  }
  for (const json& tag : version.at("tags"))
    facts["tag " + version_text(tag.at("key"))] = version_text(tag.at("value"));
  const json made = version.value("scanflow", json::object());
  const auto add_all = [&](const std::string& what, const json& values) {
    for (const auto& [name, value] : values.items())
      facts[what + printable(name)] = version_text(value);
  };
  add_all("metric ", made.value("metrics", json::object()));
  json lineage = made.value("lineage", json::object());
  add_all("parameter ", lineage.value("params", json::object()));
  add_all("input ", lineage.value("inputs", json::object()));
  lineage.erase("params");
  lineage.erase("inputs");
  add_all("", lineage);
  for (const char* name : {"sha256", "step"}) {
    if (made.contains(name)) facts[name] = version_text(made.at(name));
  }
  return facts;
}

int show_model(const Context& context, const std::string& word) {
  const Reference reference = reference_of(word);
  if (reference.version.empty() && reference.alias.empty())
    return show_versions(context, reference.name);
  const auto version = version_of(context, reference);
  if (!version) return complain(context, version.error());
  if (context.json) {
    fmt::print("{}\n", version->dump());
    return kSucceeded;
  }
  fmt::print("{}/{}{}, made {}\n", version_text(version->at("name")),
             version_text(version->at("version")),
             version->at("aliases").empty() ? "" : " (" + joined(version->at("aliases")) + ")",
             since_text(version->at("creation_timestamp")));
  for (const auto& [name, value] : facts_of(*version))
    fmt::print("  {}  {}\n", pad(name, 28), value);
  return kSucceeded;
}

int promote_model(const Context& context, const ModelOptions& options) {
  const Reference reference = reference_of(options.model);
  const auto version = version_of(context, reference);
  if (!version) return complain(context, version.error());
  const auto model = model_of(context, reference.name);
  if (!model) return complain(context, model.error());
  std::string before;
  for (const json& alias : model->at("aliases")) {
    if (alias.at("alias") == options.alias) before = alias.at("version");
  }
  const std::string number = version->at("version");
  const auto done = ask_tracker(
      context,
      {.method = "POST",
       .path = "registered-models/alias",
       .request = {{"name", reference.name}, {"alias", options.alias}, {"version", number}}});
  if (!done) return complain(context, done.error());
  if (context.json) {
    fmt::print("{}\n", json{{"name", reference.name},
                            {"alias", options.alias},
                            {"version", number},
                            {"before", before.empty() ? json() : json(before)}}
                           .dump());
  } else {
    fmt::print("{}@{} is version {} now{}\n", reference.name, options.alias, number,
               before.empty()     ? ""
               : before == number ? ", as it was"
                                  : ", and was version " + before);
  }
  return kSucceeded;
}

/// Exit status 1: they differ.
int diff_models(const Context& context, const std::vector<std::string>& words) {
  std::vector<json> versions;
  for (const std::string& word : words) {
    auto version = version_of(context, reference_of(word));
    if (!version) return complain(context, version.error());
    versions.push_back(std::move(*version));
  }
  const auto one = facts_of(versions.at(0)), other = facts_of(versions.at(1));
  std::set<std::string> names;
  for (const auto* facts : {&one, &other})
    for (const auto& [name, value] : *facts) names.insert(name);
  const auto of = [](const std::map<std::string, std::string>& facts, const std::string& name) {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string("-") : found->second;
  };
  std::vector<std::vector<std::string>> rows;
  json document = json::object();
  for (const std::string& name : names) {
    if (of(one, name) == of(other, name)) continue;
    rows.push_back({name, of(one, name), of(other, name)});
    document[name] = {of(one, name), of(other, name)};
  }
  const auto label = [](const json& version) {
    return fmt::format("{}/{}", version_text(version.at("name")),
                       version_text(version.at("version")));
  };
  if (context.json) {
    fmt::print("{}\n",
               json{{"from", label(versions[0])}, {"to", label(versions[1])}, {"differs", document}}
                   .dump());
  } else if (rows.empty()) {
    fmt::print("{} and {} do not differ\n", label(versions[0]), label(versions[1]));
  } else {
    fmt::print("{}", table({"", label(versions[0]), label(versions[1])}, rows, table_width(1)));
  }
  return rows.empty() ? kSucceeded : kRunFailed;
}

}  // namespace

void add_model(CLI::App& app, const Context& context, ModelOptions& options,
               std::function<int()>& command) {
  CLI::App* model =
      app.add_subcommand("model", "Registered models: their versions, and which one is used");
  model->require_subcommand(1);
  constexpr const char* kModel = "NAME/VERSION or NAME@ALIAS; NAME: its newest version";
  model->add_subcommand("list", "All of them, with their aliases")->callback([&] {
    command = [&] { return list_models(context); };
  });
  CLI::App* show = model->add_subcommand(
      "show", "The versions of a model, or one of them with where it comes from");
  show->add_option("MODEL", options.model, "NAME, NAME/VERSION or NAME@ALIAS")->required();
  show->callback([&] { command = [&] { return show_model(context, options.model); }; });
  CLI::App* promote = model->add_subcommand(
      "promote", "Give a version an alias; whoever uses the alias uses it from now on");
  promote->add_option("MODEL", options.model, kModel)->required();
  promote->add_option("ALIAS", options.alias, "As champion")->required();
  promote->callback([&] { command = [&] { return promote_model(context, options); }; });
  CLI::App* diff = model->add_subcommand(
      "diff", "Where two versions differ: metrics, parameters, data. Exit status 1 where they do");
  diff->add_option("MODEL", options.compare, kModel)->required()->expected(2);
  diff->callback([&] { command = [&] { return diff_models(context, options.compare); }; });
}

}  // namespace scanflow::cli
