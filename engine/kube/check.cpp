#include "engine/kube/check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>

#include "engine/kube/client.hpp"
#include "engine/kube/fields.hpp"
#include "engine/kube/rights.hpp"

namespace scanflow::kube {
namespace {

using State = Finding::State;

constexpr std::chrono::seconds kPatience{5};

/// One question after another, of the same cluster.
class Check {
 public:
  Check(std::shared_ptr<Client> client, std::string name_space, const std::stop_token& stop)
      : client_(std::move(client)), name_space_(std::move(name_space)), stop_(stop) {}

  std::vector<Finding> run() {
    if (!version()) return std::move(all_);
    user();
    if (name_space_exists()) rights_of_user();
    return std::move(all_);
  }

 private:
  void say(std::string point, State state, std::string text, std::string fix = "") {
    all_.push_back({std::move(point), state, std::move(text), std::move(fix)});
  }

  bool version() {
    const Access& access = client_->access();
    const auto version = client_->call({.path = "/version"}, stop_);
    if (!version) {
      const std::string why = explained(version.error(), "ask for its version");
      const bool said = why.find(access.origin) != std::string::npos;
      say("cluster", State::problem, said ? why : fmt::format("{} ({})", why, access.origin));
      return false;
    }
    say("cluster", State::ok,
        fmt::format("{}.{} at {} ({})", text_of(*version, "major"), text_of(*version, "minor"),
                    access.server, access.origin));
    return true;
  }

  void user() {
    const auto review = client_->call(
        {.method = "POST",
         .path = "/apis/authentication.k8s.io/v1/selfsubjectreviews",
         .body = {{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}}},
        stop_);
    if (review) {
      return say("user", State::ok, text_at(*review, "/status/userInfo/username"_json_pointer));
    }
    if (review.error().is("NotFound")) return;  // before Kubernetes 1.28
    say("user", State::problem, explained(review.error(), "ask who one is"));
  }

  bool name_space_exists() {
    const auto found = client_->get(kinds::kNamespace, "", name_space_, stop_);
    if (found && text_at(*found, "/status/phase"_json_pointer) == "Terminating") {
      say("namespace", State::problem, name_space_ + " is being terminated",
          "use another one: --kube-namespace NAME");
      return true;
    }
    if (!found && found.error().is("NotFound")) {
      say("namespace", State::problem, "there is no " + name_space_,
          fmt::format("kubectl create namespace {}, or --kube-namespace NAME", name_space_));
      return false;
    }
    // Who may not see namespaces may still use one.
    say("namespace", State::ok,
        found ? name_space_ : name_space_ + " (whether it is there, this user may not ask)");
    return true;
  }

  bool may(const Right& right, std::string_view verb) {
    const std::string_view resource = right.resource.substr(0, right.resource.find('/'));
    json attributes = {
        {"namespace", name_space_}, {"verb", verb}, {"group", right.group}, {"resource", resource}};
    if (resource.size() < right.resource.size())
      attributes["subresource"] = right.resource.substr(resource.size() + 1);
    const auto review =
        client_->call({.method = "POST",
                       .path = path_of(kinds::kAccessReview, ""),
                       .body = {{"apiVersion", kinds::kAccessReview.api_version()},
                                {"kind", kinds::kAccessReview.kind},
                                {"spec", {{"resourceAttributes", std::move(attributes)}}}}},
                      stop_);
    return review && part_of(*review, "status").value("allowed", json()) == json(true);
  }

  void rights_of_user() {
    std::vector<std::string> needed, others;
    for (const Right& right : rights()) {
      std::vector<std::string_view> missing;
      for (const std::string_view verb : right.verbs) {
        if (!may(right, verb)) missing.push_back(verb);
      }
      if (missing.empty()) continue;
      (right.needed ? needed : others)
          .push_back(fmt::format("{} {}{}{} ({})", fmt::join(missing, ","), right.resource,
                                 right.group.empty() ? "" : ".", right.group, right.why));
    }
    const char* fix =
        "scanflow install --render prints the Role; whoever administers the cluster applies it";
    if (!needed.empty()) {
      say("rights", State::problem,
          fmt::format("missing in {}: {}", name_space_, fmt::join(needed, "; ")), fix);
    } else {
      say("rights", State::ok, "steps can run as Pods of " + name_space_);
    }
    if (!others.empty())
      say("others", State::advice, fmt::format("not allowed: {}", fmt::join(others, "; ")), fix);
  }

  const std::shared_ptr<Client> client_;
  const std::string name_space_;
  const std::stop_token stop_;
  std::vector<Finding> all_;
};

}  // namespace

std::vector<Finding> check(const CheckOptions& options, const std::stop_token& stop) {
  auto access = find_access(options.where);
  if (!access) return {{"cluster", State::problem, access.error().message, ""}};
  Client::Means means = Client::usual();
  means.connect = means.silence = kPatience;
  means.repeat.most = 2;
  const std::string name_space =
      options.name_space.empty() ? access->name_space : options.name_space;
  auto client = Client::open(std::move(*access), means);
  if (!client) return {{"cluster", State::problem, client.error().message, ""}};
  return Check(std::move(*client), name_space, stop).run();
}

}  // namespace scanflow::kube
