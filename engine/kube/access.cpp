#include "engine/kube/access.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "sdk/base/files.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::kube {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<fs::path> split_list(const std::string& list) {
  std::vector<fs::path> files;
  std::size_t from = 0;
  while (from <= list.size()) {
    const std::size_t to = std::min(list.find(':', from), list.size());
    if (to > from) files.push_back(fs::absolute(list.substr(from, to - from)));
    from = to + 1;
  }
  return files;
}

/// Of a list, files that are not there are passed over, as kubectl does.
Result<Access> from_files(const std::vector<fs::path>& paths, const std::string& context) {
  std::vector<KubeconfigFile> files;
  for (const fs::path& path : paths) {
    std::error_code ignored;
    if (paths.size() > 1 && !fs::exists(path, ignored)) continue;
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    files.push_back({path, std::move(*text)});
  }
  if (files.empty()) return fail("none of the files of the kubeconfig list is there");
  return read_kubeconfig(files, context);
}

Access of_this_pod(const std::string& host, const std::string& port) {
  const fs::path directory = kServiceAccount;
  Access access;
  access.server = fmt::format("https://{}:{}",
                              host.find(':') == std::string::npos ? host : "[" + host + "]", port);
  access.origin = "this Pod's service account";
  access.ca = {{}, directory / "ca.crt"};
  access.token = {{}, directory / "token"};
  access.name_space = std::string(stripped(read_file(directory / "namespace").value_or("default")));
  return access;
}

}  // namespace

Result<Access> find_access(const Whereabouts& whereabouts) {
  const std::string listed =
      whereabouts.kubeconfig.empty() ? variable("KUBECONFIG") : whereabouts.kubeconfig;
  if (!listed.empty()) return from_files(split_list(listed), whereabouts.context);
  const fs::path own = fs::path(variable("HOME")) / ".kube" / "config";
  std::error_code ignored;
  if (fs::exists(own, ignored)) return from_files({own}, whereabouts.context);
  const std::string host = variable("KUBERNETES_SERVICE_HOST");
  if (!host.empty() && whereabouts.context.empty())
    return of_this_pod(host, variable("KUBERNETES_SERVICE_PORT"));
  return fail(
      fmt::format("no cluster is known: $KUBECONFIG is not set, {} is not there, and this is no "
                  "Pod of a cluster; "
                  "KUBECONFIG=FILE names one",
                  own.string()));
}

}  // namespace scanflow::kube
