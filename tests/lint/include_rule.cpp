#include "tests/lint/include_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

namespace scanflow::lint {
namespace {

struct Rule {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // folders, or single files of a folder
};

/// The table. A folder may always include itself. `plugins` means: each plugin its own folder;
/// plugins/common holds what several of them share, and knows no plugin.
const std::vector<Rule>& table() {
  static const std::vector<Rule> rules = {
      {"sdk/abi", {}},
      {"sdk/base", {}},
      {"sdk/cpp", {"sdk/abi"}},
      {"sdk/loader", {"sdk/abi", "sdk/base"}},
      {"plugins/common", {"sdk/cpp", "sdk/base"}},
      {"plugins", {"sdk/cpp", "plugins/common"}},
      // `path: auto` of mnist.load draws digits where there is no data: the one library that a
      // plugin offers to another.
      {"plugins/steps/mnist", {"sdk/cpp", "plugins/common", "plugins/steps/digits/drawing.hpp"}},
      {"plugins/steps/resource", {"sdk/cpp", "engine/kube", "sdk/base"}},
      // A limit is what it is for metrics.
      {"plugins/triggers/prometheus",
       {"sdk/cpp", "plugins/common", "plugins/triggers/signals/level.hpp"}},
      // Calendars are those of schedules.
      {"plugins/triggers/time", {"sdk/cpp", "plugins/common", "engine/schedule", "sdk/base"}},
      {"sidecar/protocol", {"sdk/base"}},
      {"sidecar/collect", {"sidecar/protocol", "sdk/base"}},
      {"sidecar/execute", {"sidecar/protocol", "sdk/base"}},
      {"sidecar/bulk", {"sidecar/protocol", "sdk/base"}},
      {"sidecar/link", {"sidecar/protocol", "sdk/base"}},
      {"sidecar/loop", {"sdk/base"}},
      {"sidecar/admin", {"sidecar/loop", "sdk/base"}},
      {"sidecar/relay", {"sidecar/bulk", "sidecar/loop", "sidecar/protocol", "sdk/base"}},
      {"sidecar/app",
       {"sidecar/admin", "sidecar/bulk", "sidecar/collect", "sidecar/execute", "sidecar/link",
        "sidecar/loop", "sidecar/protocol", "sidecar/relay", "sdk/base"}},
      {"sidecar", {"sidecar/app"}},
      {"engine/graph", {"sdk/base"}},
      // What rules and primitives there are is the sidecar's to say.
      {"engine/pipeline",
       {"engine/graph", "engine/schedule", "sidecar/collect/rule.hpp",
        "sidecar/protocol/primitives.hpp", "sdk/loader", "sdk/base"}},
      {"engine/schedule", {"sdk/base"}},
      {"engine/run",
       {"engine/graph", "engine/pipeline/spec.hpp", "engine/pipeline/plan.hpp", "sdk/base"}},
      {"engine/store", {"sdk/base"}},
      {"engine/knowledge", {"sdk/base"}},
      {"engine/kube", {"engine/http", "engine/worker/run_program.hpp", "sdk/base"}},
      {"engine/orchestrate", {"engine/kube", "sdk/loader", "sdk/base"}},
      // What a rule is, is the sidecar's to say.
      {"engine/inject", {"sidecar/collect/rule.hpp", "sdk/base"}},
      {"engine/http", {"sdk/base"}},
      {"engine/deploy", {"engine/kube/rights.hpp", "sdk/base"}},
      {"engine/webhook", {"engine/http", "engine/inject", "sdk/base"}},
      // Both sides of bulk read and write files in the same way.
      {"engine/hub", {"sidecar/protocol", "sidecar/bulk", "engine/knowledge", "sdk/base"}},
      {"engine/podman", {"engine/worker/run_program.hpp", "engine/worker/spawn.hpp", "sdk/base"}},
      {"engine/backend",
       {"engine/run", "engine/hub", "engine/http/base64.hpp", "engine/inject", "engine/kube",
        "engine/podman", "engine/worker/plugin_attempt.hpp", "sidecar/protocol", "sdk/loader",
        "sdk/base"}},
      // What serves: the graph, its batches, its models; and the process around them.
      {"engine/infer", {"engine/graph", "engine/http", "sdk/loader", "sdk/base"}},
      {"engine/load", {"engine/http", "engine/infer", "sdk/loader", "sdk/base"}},
      // What sends requests there, and keeps such processes alive.
      {"engine/serve",
       {"engine/infer", "engine/http", "engine/worker/spawn.hpp", "engine/worker/run_program.hpp",
        "engine/pipeline/service_spec.hpp", "engine/store", "engine/track", "sdk/loader",
        "sdk/base"}},
      {"engine/track", {"engine/store", "sdk/base"}},
      {"engine/control",
       {"engine/pipeline", "engine/store", "engine/knowledge", "engine/track", "engine/runtime",
        "engine/backend", "engine/http", "engine/kube", "engine/orchestrate", "engine/worker",
        "sdk/abi", "sdk/loader", "sdk/base"}},
      {"engine/runtime",
       {"engine/graph", "engine/pipeline", "engine/run", "engine/store", "engine/track",
        "engine/backend", "engine/kube", "engine/orchestrate", "engine/hub", "engine/knowledge",
        "sdk/loader", "sidecar/protocol", "sdk/base"}},
      {"engine/worker", {"sdk/loader", "sidecar/protocol", "sdk/base"}},
      // The services of a server: what is applied, and where it runs.
      {"engine/services",
       {"engine/serve", "engine/infer", "engine/pipeline", "engine/store", "engine/runtime",
        "engine/backend", "engine/kube", "engine/podman", "engine/inject", "engine/knowledge",
        "sidecar/protocol", "sdk/loader", "sdk/base"}},
      {"engine/api", {"engine/graph",  "engine/pipeline", "engine/schedule",  "engine/run",
                      "engine/store",  "engine/backend",  "engine/kube",      "engine/orchestrate",
                      "engine/inject", "engine/hub",      "engine/knowledge", "engine/control",
                      "engine/track",  "engine/serve",    "engine/services",  "engine/runtime",
                      "engine/http",   "sdk/loader",      "sidecar/protocol", "sdk/base"}},
      {"engine/web", {"sdk/base"}},
      {"engine/cli",
       {"engine/graph",   "engine/pipeline",  "engine/run",         "engine/store",
        "engine/backend", "engine/kube",      "engine/inject",      "engine/podman",
        "engine/http",    "engine/webhook",   "engine/orchestrate", "engine/deploy",
        "engine/hub",     "engine/knowledge", "engine/control",     "engine/track",
        "engine/serve",   "engine/load",      "engine/runtime",     "engine/worker",
        "engine/api",     "engine/web",       "sdk/loader",         "sidecar/protocol",
        "sdk/abi",        "sdk/base"}},
  };
  return rules;
}

struct Ban {
  std::string_view folder;                // with its slash: engine/run is not engine/runtime
  std::vector<std::string_view> headers;  // what an include of them begins with
  std::string_view why;
};

/// Headers of other libraries that a folder must not see, not even through our own headers.
const std::vector<Ban>& bans() {
  static const std::vector<std::string_view> effects = {"boost/", "zmq", "sqlite3", "yaml-cpp/"};
  static const std::vector<Ban> list = {
      {"engine/graph/", effects, "the core is pure"},
      {"engine/run/", effects, "the core is pure"},
      {"engine/schedule/", effects, "the core is pure"},
      {"engine/", {"torch/", "ATen/", "c10/"}, "only plugins use libtorch"},
      {"sdk/", {"torch/", "ATen/", "c10/"}, "only plugins use libtorch"},
      {"sidecar/",
       {"torch/", "ATen/", "c10/", "boost/beast", "openssl/", "lua"},
       "the sidecar stays small"},
  };
  return list;
}

const Rule* rule_of(std::string_view folder) {
  const auto found = std::find_if(table().begin(), table().end(),
                                  [&](const Rule& rule) { return rule.folder == folder; });
  return found == table().end() ? nullptr : &*found;
}

/// The file of ours that an include names, as a path from the root; empty for another library's.
std::string path_of(const Include& include) {
  const std::string& target = include.target;
  if (target.starts_with("scanflow/abi/")) return "sdk/abi/include/" + target;
  if (target.starts_with("scanflow/")) return "sdk/cpp/include/" + target;
  for (const std::string_view top : {"sdk/", "sidecar/", "engine/", "plugins/", "tests/"}) {
    if (target.starts_with(top)) return target;
  }
  return {};
}

/// "plugins/steps/torch" of "plugins/steps/torch/train.cpp": what one plugin may include of its
/// kind.
std::string plugin_of(std::string_view path) {
  const auto kind = path.find('/', std::string_view("plugins/").size());
  const auto name = kind == std::string_view::npos ? kind : path.find('/', kind + 1);
  return std::string(path.substr(0, name));
}

bool allowed(const std::string& from, const std::string& to) {
  const std::string from_folder = folder_of(from), to_folder = folder_of(to);
  if (from_folder == to_folder) {
    return from_folder != "plugins" || plugin_of(from) == plugin_of(to);
  }
  const Rule* rule = rule_of(from_folder);
  return rule != nullptr &&
         std::any_of(rule->may_include.begin(), rule->may_include.end(),
                     [&](std::string_view good) { return good == to_folder || good == to; });
}

std::string list_of(const Rule* rule) {
  if (rule == nullptr || rule->may_include.empty()) return "nothing of ours";
  return fmt::format("{}", fmt::join(rule->may_include, ", "));
}

void check_arrows(const Tree& tree, const std::string& path, std::vector<std::string>& out) {
  const std::string folder = folder_of(path);
  const Rule* rule = rule_of(folder);
  if (rule == nullptr) {
    out.push_back(
        fmt::format("{}:1: its folder is not in the table of tests/lint (add a line)", path));
    return;
  }
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  for (const Include& include : includes_of(tree.at(path))) {
    const std::string target = path_of(include);
    if (target.empty()) {
      if (include.quoted && tree.contains(directory + include.target)) {
        out.push_back(fmt::format("{}:{}: \"{}\" is not written from the root (write \"{}{}\")",
                                  path, include.line, include.target, directory, include.target));
      }
    } else if (!allowed(path, target)) {
      out.push_back(fmt::format("{}:{}: {} may not include {} ({} may include: {})", path,
                                include.line, folder, target, folder, list_of(rule)));
    }
  }
}

/// Follows our own headers from `path`, and reports banned ones with the way that leads there.
void check_bans(const Tree& tree, const std::string& path, const Ban& ban,
                std::vector<std::string>& out) {
  std::set<std::string> seen;
  std::function<void(const std::string&, const std::string&)> visit = [&](const std::string& file,
                                                                          const std::string& way) {
    if (!seen.insert(file).second || !tree.contains(file)) return;
    for (const Include& include : includes_of(tree.at(file))) {
      const bool banned =
          std::any_of(ban.headers.begin(), ban.headers.end(),
                      [&](std::string_view begin) { return include.target.starts_with(begin); });
      if (banned) {
        out.push_back(fmt::format("{}:{}: <{}> is banned in {} ({}; way: {})", file, include.line,
                                  include.target, ban.folder, ban.why, way));
      } else if (const std::string next = path_of(include); !next.empty()) {
        visit(next, fmt::format("{} -> {}", way, next));
      }
    }
  };
  visit(path, path);
}

/// Depth first; `stack` is the way here. Reports each cycle once, where it is closed.
void check_cycles(const Tree& tree, const std::string& path, std::vector<std::string>& stack,
                  std::set<std::string>& done, std::vector<std::string>& out) {
  if (const auto at = std::find(stack.begin(), stack.end(), path); at != stack.end()) {
    out.push_back(fmt::format("{}:1: includes itself: {} -> {}", path,
                              fmt::join(at, stack.end(), " -> "), path));
    return;
  }
  if (done.contains(path) || !tree.contains(path)) return;
  stack.push_back(path);
  for (const Include& include : includes_of(tree.at(path))) {
    if (const std::string next = path_of(include); !next.empty()) {
      check_cycles(tree, next, stack, done, out);
    }
  }
  stack.pop_back();
  done.insert(path);
}

bool is_source(const std::filesystem::path& path) {
  const std::string extension = path.extension();
  return extension == ".hpp" || extension == ".cpp" || extension == ".h" || extension == ".c";
}

}  // namespace

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> found;
  bool in_comment = false;
  int line = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line;
    if (!in_comment && rest.find_first_not_of(" \t") != std::string_view::npos) {
      std::string_view word = rest.substr(rest.find_first_not_of(" \t"));
      if (word.starts_with('#')) {
        word.remove_prefix(std::min(word.find_first_not_of(" \t", 1), word.size()));
        const auto open = word.find_first_of("<\"");
        if (word.starts_with("include") && open != std::string_view::npos) {
          const bool quoted = word[open] == '"';
          const auto close = word.find(quoted ? '"' : '>', open + 1);
          if (close != std::string_view::npos) {
            found.push_back({line, std::string(word.substr(open + 1, close - open - 1)), quoted});
          }
        }
      }
    }
    const auto slashes = in_comment ? std::string_view::npos : rest.find("//");
    rest = rest.substr(0, slashes);
    const auto opens = rest.rfind("/*"), closes = rest.rfind("*/");
    if (opens != std::string_view::npos || closes != std::string_view::npos) {
      in_comment =
          closes == std::string_view::npos || (opens != std::string_view::npos && opens > closes);
    }
  }
  return found;
}

std::string folder_of(std::string_view path) {
  std::string_view best;
  for (const Rule& rule : table()) {
    if (path.starts_with(rule.folder) && path.substr(rule.folder.size()).starts_with('/') &&
        rule.folder.size() > best.size()) {
      best = rule.folder;
    }
  }
  return std::string(best);
}

std::vector<std::string> violations(const Tree& tree) {
  std::vector<std::string> out;
  std::vector<std::string> stack;
  std::set<std::string> done;
  for (const auto& [path, text] : tree) {
    check_arrows(tree, path, out);
    check_cycles(tree, path, stack, done, out);
    for (const Ban& ban : bans()) {
      if (path.starts_with(ban.folder)) check_bans(tree, path, ban, out);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string cycle_in_table() {
  Tree folders;  // each folder as one file that includes the files of others
  for (const Rule& rule : table()) {
    std::string text;
    for (const std::string_view good : rule.may_include) {
      const std::string other = folder_of(std::string(good) + "/");
      text += fmt::format("#include \"{}/x\"\n", other);
    }
    folders[std::string(rule.folder) + "/x"] = text;
  }
  std::vector<std::string> out, stack;
  std::set<std::string> done;
  for (const auto& [path, text] : folders) check_cycles(folders, path, stack, done, out);
  return out.empty() ? "" : out.front();
}

Tree read_tree(const std::string& root) {
  namespace fs = std::filesystem;
  Tree tree;
  for (const std::string top : {"sdk", "sidecar", "engine", "plugins"}) {
    if (!fs::exists(fs::path(root) / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / top)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      const std::string path = fs::relative(entry.path(), root);
      if (path.starts_with("sdk/templates/")) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      tree[path] = text.str();
    }
  }
  return tree;
}

}  // namespace scanflow::lint
