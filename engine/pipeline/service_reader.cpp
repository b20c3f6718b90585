#include "engine/pipeline/service_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "engine/graph/graph.hpp"
#include "engine/pipeline/env_reader.hpp"
#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/metadata_reader.hpp"
#include "engine/pipeline/one_document.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/units.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::uint16_t kServicesOwnPort = 8080;  // in its Pods

/// A node, and where its parts stand.
struct NodeDraft {
  ServiceNode node;
  const Node* name = nullptr;
  const Node* uses = nullptr;
  const Node* with = nullptr;
  std::vector<const Node*> needs;
  const Node* root = nullptr;
};

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string meant_name(const std::string& name, const std::vector<std::string>& names) {
  const std::string near = nearest(name, names);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

class ServiceReader {
 public:
  ServiceReader(const Node& root, const Reading& reading, Problems& problems)
      : root_(root), reading_(reading), problems_(problems) {}

  ServiceSpec read_document() {
    const MapReader map(root_, service_fields(), problems_);
    Metadata metadata = read_metadata(map, reading_, "service", problems_);
    out_.name = std::move(metadata.name);
    out_.name_space = std::move(metadata.name_space);
    out_.labels = std::move(metadata.labels);
    return read_body(map);
  }

  /// One of a pipeline.
  ServiceSpec read_item() {
    const MapReader map(root_, pipeline_service_fields(), problems_);
    if (const Node* name = map.get("name")) {
      out_.name = name->text;
      if (!is_label(out_.name)) {
        problems_.add(*name, fmt::format("'{}' is not the name of a service", printable(out_.name)))
            .hint = std::string(kLabelRule);
      }
    }
    return read_body(map);
  }

 private:
  ServiceSpec read_body(const MapReader& map) {
    if (const Node* graph = map.get("graph"))
      for (const Node* node : graph->items) read_node(*node);
    check_needs();
    check_ports();
    for (NodeDraft& draft : drafts_) {
      check_plugin(draft);
      out_.graph.push_back(std::move(draft.node));
    }
    if (const Node* batching = map.get("batching")) read_batching(*batching);
    if (const Node* scaling = map.get("scaling")) read_scaling(*scaling);
    if (const Node* resources = map.get("resources")) {
      const MapReader fields(*resources, service_resources_fields(), problems_);
      if (const Node* cpu = fields.get("cpu")) out_.cpus = parse_cpu(cpu->text).value();
      if (const Node* memory = fields.get("memory"))
        out_.memory = parse_bytes(memory->text).value();
    }
    if (const Node* slo = map.get("slo")) {
      const MapReader fields(*slo, service_slo_fields(), problems_);
      if (const Node* p99 = fields.get("p99")) out_.slo_p99_us = duration_of(*p99);
      if (const Node* errors = fields.get("errors")) out_.slo_errors = share_of(*errors);
    }
    if (const Node* backup = map.get("backup")) read_backup(*map.key("backup"), *backup);
    if (const Node* queue = map.get("queue")) out_.queue = count_of(*queue);
    if (const Node* timeout = map.get("timeout")) out_.timeout_us = duration_of(*timeout);
    if (const Node* retries = map.get("retries")) out_.retries = count_of(*retries);
    return std::move(out_);
  }

  static std::uint32_t count_of(const Node& node) {
    return static_cast<std::uint32_t>(number_of(node));
  }

  void read_batching(const Node& node) {
    const MapReader map(node, service_batching_fields(), problems_);
    if (const Node* size = map.get("max_size")) out_.batch_rows = count_of(*size);
    if (const Node* delay = map.get("max_delay")) out_.batch_delay_us = duration_of(*delay);
  }

  void read_scaling(const Node& node) {
    const MapReader map(node, service_scaling_fields(), problems_);
    if (const Node* least = map.get("min")) out_.replicas = count_of(*least);
    const Node* most = map.get("max");
    out_.most_replicas = most != nullptr ? count_of(*most) : out_.replicas;
    if (out_.most_replicas < out_.replicas) {
      problems_
          .add(*most, fmt::format("'max' is {}, below 'min', which is {}", out_.most_replicas,
                                  out_.replicas))
          .hint = fmt::format("write {} or more", out_.replicas);
    }
    if (const Node* target = map.get("target")) out_.scaling_target = number_of(*target);
    if (const Node* window = map.get("stabilization"))
      out_.scaling_stabilization_us = duration_of(*window);
    if (map.has("max")) return;
    for (const std::string_view name : {"metric", "target", "stabilization"}) {
      if (!map.has(name)) continue;
      problems_
          .add(*map.key(name),
               fmt::format("'{}' does nothing without 'max': the number of processes is fixed",
                           name))
          .hint = "add max: 4, or however many there may be; or remove it";
    }
  }

  void read_backup(const Node& key, const Node& node) {
    const MapReader map(node, service_backup_fields(), problems_);
    const Node* model = map.get("model");
    if (model == nullptr) return;  // reported
    refuse_expressions(*model, "model");
    ServiceBackup backup;
    backup.version = {model->text, 1, false, model->at};
    if (const Node* named = map.get("node")) {
      check_backed_up(*named);
      backup.node = named->text;
    } else if (!map.has("node")) {
      backup.node = only_model(key);
    }
    out_.backup = std::move(backup);
  }

  static bool has_model(const ServiceNode& node) {
    return std::any_of(node.versions.begin(), node.versions.end(),
                       [](const ServiceVersion& version) { return !version.model.empty(); });
  }

  void check_backed_up(const Node& named) {
    std::vector<std::string> names;
    for (const ServiceNode& node : out_.graph) {
      if (node.name == named.text && has_model(node)) return;
      names.push_back(node.name);
    }
    if (!is_one_of(names, named.text)) {
      problems_.add(named, fmt::format("unknown node '{}'", printable(named.text))).hint =
          meant_name(named.text, names);
    } else {
      problems_
          .add(named, fmt::format("the node '{}' has no model that another could stand in for",
                                  printable(named.text)))
          .hint = "name a node that has one";
    }
  }

  /// The MODEL node whose model the backup replaces where it does not say.
  std::string only_model(const Node& key) {
    std::vector<std::string> names;
    for (const ServiceNode& node : out_.graph)
      if (node.type == "MODEL" && has_model(node)) names.push_back(node.name);
    if (names.size() == 1) return names[0];
    if (names.empty()) {
      problems_.add(key, "no MODEL node has a model that the backup's could stand in for").hint =
          "say which node: node: NAME; or remove the backup";
    } else {
      problems_
          .add(key, fmt::format("{} nodes have a model: the backup's could stand in for any",
                                names.size()))
          .hint = fmt::format("add node: {}", join_or(names));
    }
    return "";
  }

  void read_node(const Node& root) {
    const MapReader map(root, service_node_fields(), problems_);
    NodeDraft draft;
    draft.root = &root;
    draft.name = map.get("name");
    draft.uses = map.get("uses");
    draft.with = map.get("with");
    check_server(map);
    if (const Node* url = map.get("url")) draft.node.url = url->text;
    if (draft.name != nullptr) draft.node.name = draft.name->text;
    const Node* type = map.get("type");
    draft.node.type = type != nullptr ? type->text : "MODEL";
    if (draft.uses != nullptr) draft.node.uses = draft.uses->text;
    if (draft.with != nullptr) {
      draft.node.with = to_json(*draft.with, problems_);
      refuse_expressions(*draft.with, "with");
    }
    if (const Node* needs = map.get("needs")) {
      if (needs->is_scalar()) draft.needs = {needs};
      for (const Node* need : needs->items)
        if (need->is_scalar()) draft.needs.push_back(need);
      for (const Node* need : draft.needs) {
        if (is_one_of(draft.node.needs, need->text)) {
          problems_.add(*need, fmt::format("'{}' is needed twice", printable(need->text))).hint =
              "remove one of them";
        }
        draft.node.needs.push_back(need->text);
      }
    }
    if (const Node* container = map.get("container")) read_container(*container, draft.node);
    read_versions(map, draft.node);
    drafts_.push_back(std::move(draft));
  }

  /// A plugin, a container, or another server.
  void check_server(const MapReader& map) {
    constexpr std::array<std::string_view, 3> kServers = {"uses", "container", "url"};
    std::vector<std::string_view> said;
    for (const std::string_view name : kServers)
      if (map.has(name)) said.push_back(name);
    if (said.empty()) {
      problems_.add(map.node(), "the node does not say what serves it").hint =
          "uses: a plugin; or container: an image; or url: http://HOST:PORT/v2/models/NAME";
    }
    for (std::size_t i = 1; i < said.size(); ++i) {
      problems_
          .add(*map.key(said[i]),
               fmt::format("the node has '{}' already: one thing serves it", said[0]))
          .hint = "remove one of them";
    }
    if (said.empty() || said[0] == "uses") return;
    for (const std::string_view name : {"with", "model", "traffic"}) {
      if (!map.has(name)) continue;
      problems_
          .add(*map.key(name),
               fmt::format("'{}' is for plugins; this node has a '{}'", name, said[0]))
          .hint = said[0] == "url" ? "remove it: the server there has its model"
                                   : "remove it: the container has its model; say there what it is "
                                     "(args, env)";
    }
  }

  void read_container(const Node& root, ServiceNode& node) {
    const MapReader map(root, service_container_fields(), problems_);
    for (const char* name : {"command", "args", "env", "model"})
      if (const Node* field = map.get(name)) refuse_expressions(*field, name);
    ServiceContainer container;
    const auto words = [&](const char* name, std::vector<std::string>& into) {
      if (const Node* list = map.get(name))
        for (const Node* word : list->items) into.push_back(word->text);
    };
    if (const Node* image = map.get("image")) container.image = image->text;
    words("command", container.command);
    words("args", container.args);
    if (const Node* env = map.get("env")) read_env(*env, container);
    if (const Node* port = map.get("port"))
      container.port = static_cast<std::uint16_t>(number_of(*port));
    const Node* model = map.get("model");
    container.model = model != nullptr ? model->text : node.name;
    if (const Node* resources = map.get("resources")) {
      const MapReader fields(*resources, service_resources_fields(), problems_);
      if (const Node* cpu = fields.get("cpu")) container.cpus = parse_cpu(cpu->text).value();
      if (const Node* memory = fields.get("memory"))
        container.memory = parse_bytes(memory->text).value();
    }
    node.container = std::move(container);
  }

  /// They share the network of their Pod.
  void check_ports() {
    std::map<std::uint16_t, std::string> taken = {{kServicesOwnPort, "the service itself"}};
    for (const NodeDraft& draft : drafts_) {
      if (!draft.node.container) continue;
      const std::uint16_t port = draft.node.container->port;
      const auto [place, is_free] =
          taken.emplace(port, fmt::format("the container of '{}'", draft.node.name));
      if (is_free) continue;
      problems_
          .add(draft.root->at, 1,
               fmt::format("the container of '{}' listens at port {}, as {} does",
                           printable(draft.node.name), port, place->second))
          .hint = "give each container of the graph a port of its own: port: 9001";
    }
  }

  void read_env(const Node& env, ServiceContainer& container) {
    for (std::size_t i = 0; i + 1 < env.items.size(); i += 2) {
      const Node &name = *env.items[i], &value = *env.items[i + 1];
      check_variable(name, problems_);
      if (check_variable_value(name, value, problems_)) container.env[name.text] = value.text;
    }
  }

  /// Nothing evaluates them here.
  void refuse_expressions(const Node& node, std::string_view field) {
    if (node.is_scalar() && has_expression(node.text)) {
      problems_.add(node, fmt::format("'{}' cannot hold an expression", field)).hint =
          "a service is served as it is written: write the value";
    }
    for (const Node* each : node.items) refuse_expressions(*each, field);
  }

  void read_versions(const MapReader& map, ServiceNode& node) {
    const Node* model = map.get("model");
    const Node* traffic = map.get("traffic");
    if (model != nullptr) refuse_expressions(*model, "model");
    if (model != nullptr && traffic != nullptr) {
      problems_.add(*map.key("traffic"), "a node has either 'model' or 'traffic'").hint =
          "put the model into traffic, with a weight";
    }
    if (traffic == nullptr) {
      node.versions.push_back({model != nullptr ? model->text : "", 1, false,
                               model != nullptr ? model->at : map.node().at});
      return;
    }
    double sum = 0;
    for (const Node* each : traffic->items) {
      const MapReader fields(*each, service_version_fields(), problems_);
      ServiceVersion version;
      version.at = each->at;
      if (const Node* of = fields.get("model")) {
        refuse_expressions(*of, "model");
        version.model = of->text;
      }
      if (const Node* weight = fields.get("weight")) version.weight = number_of(*weight);
      if (const Node* shadow = fields.get("shadow")) version.shadow = is_true(*shadow);
      if (version.shadow) version.weight = 0;
      sum += version.weight;
      node.versions.push_back(std::move(version));
    }
    if (sum <= 0) {
      problems_.add(*map.key("traffic"), "no version has a weight: nothing would answer").hint =
          "give one of them a weight";
    }
  }

  void check_needs() {
    std::vector<std::string> names;
    for (const NodeDraft& draft : drafts_) {
      if (draft.name == nullptr) continue;
      if (!is_label(draft.node.name)) {
        problems_
            .add(*draft.name,
                 fmt::format("'{}' is not the name of a node", printable(draft.node.name)))
            .hint = std::string(kLabelRule);
      } else if (is_one_of(names, draft.node.name)) {
        problems_.add(*draft.name, fmt::format("duplicate node '{}'", printable(draft.node.name)))
            .hint = "give each node a name of its own";
      }
      names.push_back(draft.node.name);
    }
    std::vector<std::vector<graph::Node>> needs(drafts_.size());
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      for (const Node* need : drafts_[i].needs) {
        const auto found =
            std::find_if(drafts_.begin(), drafts_.end(),
                         [&](const NodeDraft& other) { return other.node.name == need->text; });
        if (found != drafts_.end()) {
          needs[i].push_back(static_cast<graph::Node>(found - drafts_.begin()));
          continue;
        }
        problems_.add(*need, fmt::format("unknown node '{}'", printable(need->text))).hint =
            meant_name(need->text, names);
      }
    }
    const auto cycle = graph::find_cycle(graph::Graph::build(needs));
    if (cycle.empty()) return;
    std::string way;
    for (const graph::Node node : cycle) way += drafts_[node].node.name + " -> ";
    problems_
        .add(drafts_[cycle[0]].root->at, 1,
             fmt::format("the nodes need each other in a circle: {}{}", way,
                         drafts_[cycle[0]].node.name))
        .hint = "remove one of these needs";
  }

  void check_plugin(NodeDraft& draft) {
    if (draft.uses == nullptr) return;
    const loader::PluginInfo* plugin = reading_.catalog.find(draft.node.uses);
    std::vector<std::string> serving;
    for (const loader::PluginInfo* each : reading_.catalog.all())
      if (each->serves) serving.push_back(each->id);
    if (plugin == nullptr || !plugin->serves) {
      Diagnostic& problem = problems_.add(
          *draft.uses, plugin == nullptr
                           ? fmt::format("unknown plugin '{}'", printable(draft.node.uses))
                           : fmt::format("the plugin '{}' does not serve online", draft.node.uses));
      problem.hint = meant_name(draft.node.uses, serving);
      if (problem.hint.empty() && !serving.empty())
        problem.notes.push_back("those that serve: " + join_or(serving, "and"));
      return;
    }
    const Node& at = draft.with != nullptr ? *draft.with : *draft.uses;
    for (const auto& problem : loader::validate(plugin->config_schema, draft.node.with))
      problems_.add(at, fmt::format("with{}: {} (schema of {})", problem.pointer, problem.message,
                                    plugin->id));
    check_model(draft, *plugin);
  }

  void check_model(const NodeDraft& draft, const loader::PluginInfo& plugin) {
    const json inputs = plugin.input_schema.value("properties", json::object());
    const json required = plugin.input_schema.value("required", json::array());
    const bool needed = std::find(required.begin(), required.end(), "model") != required.end();
    for (const ServiceVersion& version : draft.node.versions) {
      if (version.model.empty() && needed) {
        problems_.add(*draft.uses, fmt::format("{} needs a model", plugin.id)).hint =
            "model: \"models:/NAME@ALIAS\", or the path of a file";
      } else if (!version.model.empty() && !inputs.contains("model")) {
        problems_.add(version.at, 1, fmt::format("{} takes no model", plugin.id)).hint =
            "remove it";
      }
    }
  }

  const Node& root_;
  const Reading& reading_;
  Problems& problems_;
  std::vector<NodeDraft> drafts_;
  ServiceSpec out_;
};

}  // namespace

ServiceSpec read_service_root(const Node& root, const Reading& reading, Problems& problems) {
  ServiceSpec service = ServiceReader(root, reading, problems).read_document();
  service.file = problems.source().file();
  return service;
}

void check_services(const Node& list, const Reading& reading, Problems& problems) {
  std::vector<std::string> names;
  for (const Node* item : list.items) {
    const std::string name = ServiceReader(*item, reading, problems).read_item().name;
    if (name.empty()) continue;  // reported
    if (is_one_of(names, name)) {
      problems.add(*item->find("name"), fmt::format("duplicate service '{}'", printable(name)))
          .hint = "give each service a name of its own";
    }
    names.push_back(name);
  }
}

ReadServiceResult read_service(const std::string& file, const std::string& text,
                               const loader::Catalog& catalog, const std::string& name_space) {
  ReadServiceResult result;
  result.errors = read_one(file, text, catalog, name_space, "service",
                           [&](const Node& root, const Reading& reading, Problems& problems) {
                             ServiceSpec service = read_service_root(root, reading, problems);
                             if (problems.empty())
                               result.service =
                                   std::make_shared<const ServiceSpec>(std::move(service));
                           });
  return result;
}

}  // namespace scanflow::pipeline
