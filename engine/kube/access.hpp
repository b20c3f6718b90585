// Where a cluster is, and how one shows there who one is: from kubeconfig files, or from what every Pod has.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::kube {

/// A text, or the file that it is in, which others may write anew.
struct Material {
  std::string text;
  std::filesystem::path file;

  bool empty() const { return text.empty() && file.empty(); }
};

/// A program that gives credentials (client.authentication.k8s.io).
struct ExecPlugin {
  std::string command;  // absolute, or looked for on PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string api_version;
  std::string install_hint;
  bool cluster_info = false;  // it wants to know the server
};

struct Access {
  std::string server;       // https://HOST[:PORT][/PATH]
  std::string name_space;   // where objects are, if nobody says otherwise
  std::string origin;       // for messages: "context ml of /home/u/.kube/config"
  Material ca;              // PEM; empty: what this machine trusts
  std::string server_name;  // that its certificate must have; empty: the server's host
  std::string proxy;        // http://[USER:PASSWORD@]HOST:PORT; empty: none
  Material certificate, key, token;
  std::optional<std::string> basic;  // USER:PASSWORD
  std::optional<ExecPlugin> exec;
};

struct KubeconfigFile {
  std::filesystem::path path;  // absolute; what it names is relative to its directory
  std::string text;
};

/// `context`: empty for the current one. What an earlier file says, a later one does not change. Nothing but
/// these texts is read. An error names the file and the field, and says the fix.
Result<Access> read_kubeconfig(const std::vector<KubeconfigFile>& files,
                               const std::string& context);

/// Where to look.
struct Whereabouts {
  std::string
      kubeconfig;  // files, separated by ':'; empty: $KUBECONFIG, else ~/.kube/config, else a Pod's own
  std::string context;
};
Result<Access> find_access(const Whereabouts& whereabouts);

}  // namespace scanflow::kube
