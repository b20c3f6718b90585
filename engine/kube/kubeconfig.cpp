#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "engine/http/base64.hpp"
#include "engine/kube/access.hpp"

namespace scanflow::kube {
namespace {

namespace fs = std::filesystem;

/// An entry of a list of named ones: {name: N, cluster: {...}}.
struct Entry {
  YAML::Node node;  // its content; undefined: there is none of this name
  fs::path file;    // that it stands in
};

struct Wrong {
  std::string message;
};

std::string field_of(const Entry& entry, const char* field) {
  const YAML::Node found = entry.node[field];
  if (!found || found.IsNull()) return {};
  if (!found.IsScalar())
    throw Wrong{fmt::format("{}: '{}' must be a text", entry.file.string(), field)};
  return found.Scalar();
}

bool is_true(const Entry& entry, const char* field) { return field_of(entry, field) == "true"; }

/// `NAME-data` holds it in base64, `NAME` the file's name; a token is plain text.
Material material_of(const Entry& entry, const std::string& name) {
  const std::string data = field_of(entry, (name + "-data").c_str());
  if (!data.empty()) {
    const auto decoded = http::base64_decoded(data);
    if (!decoded)
      throw Wrong{fmt::format("{}: '{}-data' is not base64", entry.file.string(), name)};
    return {*decoded, {}};
  }
  const std::string file = field_of(entry, name.c_str());
  return file.empty() ? Material() : Material{{}, entry.file.parent_path() / file};
}

class Merged {
 public:
  explicit Merged(const std::vector<KubeconfigFile>& files) {
    for (const KubeconfigFile& file : files) {
      try {
        YAML::Node document = YAML::Load(file.text);
        if (document && !document.IsNull() && !document.IsMap())
          throw Wrong{fmt::format("{} is no kubeconfig: a map is wanted", file.path.string())};
        documents_.push_back({document, file.path});
      } catch (const YAML::Exception& error) {
        throw Wrong{
            fmt::format("{}:{}: not YAML: {}", file.path.string(), error.mark.line + 1, error.msg)};
      }
    }
  }

  std::string current_context() const {
    for (const Entry& document : documents_) {
      if (std::string found = field_of(document, "current-context"); !found.empty()) return found;
    }
    return {};
  }

  Entry find(const char* list, const char* field, const std::string& name) const {
    for (const Entry& document : documents_) {
      const YAML::Node all = document.node[list];
      if (!all || !all.IsSequence()) continue;
      for (const YAML::Node& each : all) {
        if (each.IsMap() && each["name"] && each["name"].IsScalar() &&
            each["name"].Scalar() == name && each[field])
          return {each[field], document.file};
      }
    }
    std::vector<std::string> names;
    for (const Entry& document : documents_) {
      if (const YAML::Node all = document.node[list]; all && all.IsSequence()) {
        for (const YAML::Node& each : all) {
          if (each.IsMap() && each["name"] && each["name"].IsScalar())
            names.push_back(each["name"].Scalar());
        }
      }
    }
    throw Wrong{fmt::format("{}: there is no {} '{}' (there {}: {})",
                            documents_.front().file.string(), field, name,
                            names.size() == 1 ? "is" : "are",
                            names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))};
  }

  fs::path first() const { return documents_.front().file; }

 private:
  std::vector<Entry> documents_;  // with whole documents as content
};

ExecPlugin exec_of(const Entry& user) {
  const Entry exec{user.node["exec"], user.file};
  ExecPlugin plugin;
  plugin.command = field_of(exec, "command");
  // As kubectl: with a slash it is relative to the file, without one it is on PATH.
  if (plugin.command.find('/') != std::string::npos)
    plugin.command = (exec.file.parent_path() / plugin.command).lexically_normal().string();
  plugin.api_version = field_of(exec, "apiVersion");
  plugin.install_hint = field_of(exec, "installHint");
  plugin.cluster_info = is_true(exec, "provideClusterInfo");
  for (const YAML::Node& each : exec.node["args"]) plugin.args.push_back(each.as<std::string>());
  for (const YAML::Node& each : exec.node["env"])
    plugin.env.emplace_back(each["name"].as<std::string>(), each["value"].as<std::string>());
  if (plugin.command.empty())
    throw Wrong{fmt::format("{}: 'exec' has no 'command'", exec.file.string())};
  return plugin;
}

void read_cluster(const Entry& cluster, Access& access) {
  access.server = field_of(cluster, "server");
  if (access.server.empty())
    throw Wrong{fmt::format("{}: the cluster has no 'server'", cluster.file.string())};
  if (is_true(cluster, "insecure-skip-tls-verify")) {
    throw Wrong{
        fmt::format("{}: 'insecure-skip-tls-verify' would give credentials to whoever answers: "
                    "give the server's CA "
                    "instead (certificate-authority-data), and tls-server-name where its "
                    "certificate has another name",
                    cluster.file.string())};
  }
  access.ca = material_of(cluster, "certificate-authority");
  access.server_name = field_of(cluster, "tls-server-name");
  access.proxy = field_of(cluster, "proxy-url");
}

void read_user(const Entry& user, Access& access) {
  access.certificate = material_of(user, "client-certificate");
  access.key = material_of(user, "client-key");
  access.token.text = field_of(user, "token");
  if (const std::string file = field_of(user, "tokenFile"); !file.empty())
    access.token = {{}, user.file.parent_path() / file};
  if (const std::string name = field_of(user, "username"); !name.empty())
    access.basic = name + ":" + field_of(user, "password");
  if (user.node["exec"]) access.exec = exec_of(user);
  if (user.node["auth-provider"]) {
    throw Wrong{
        fmt::format("{}: 'auth-provider' went from Kubernetes with 1.26: use an exec plugin "
                    "instead (gke-gcloud-auth-plugin, "
                    "kubelogin)",
                    user.file.string())};
  }
  for (const char* field : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    if (user.node[field])
      throw Wrong{
          fmt::format("{}: impersonation ('{}') is not known here", user.file.string(), field)};
  }
}

}  // namespace

Result<Access> read_kubeconfig(const std::vector<KubeconfigFile>& files,
                               const std::string& context) try {
  const Merged merged(files);
  const std::string name = context.empty() ? merged.current_context() : context;
  if (name.empty()) {
    throw Wrong{fmt::format(
        "{} has no current-context: kubectl config use-context sets it, or give --kube-context",
        merged.first().string())};
  }
  const Entry chosen = merged.find("contexts", "context", name);
  Access access;
  access.origin = fmt::format("context {} of {}", name, chosen.file.string());
  access.name_space = field_of(chosen, "namespace");
  if (access.name_space.empty()) access.name_space = "default";
  read_cluster(merged.find("clusters", "cluster", field_of(chosen, "cluster")), access);
  if (const std::string user = field_of(chosen, "user"); !user.empty())
    read_user(merged.find("users", "user", user), access);
  return access;
} catch (const Wrong& wrong) {
  return fail(wrong.message);
} catch (const YAML::Exception& error) {
  return fail(fmt::format("{}: {}", files.front().path.string(), error.msg));
}

}  // namespace scanflow::kube
