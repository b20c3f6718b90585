#include "engine/runtime/enrolment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "engine/kube/client.hpp"
#include "engine/kube/failure.hpp"
#include "engine/kube/fields.hpp"
#include "engine/runtime/namespaces.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::runtime {
namespace {

using nlohmann::json;

constexpr std::int64_t kHoldsUs = 600'000'000, kRefusedUs = 15'000'000;
constexpr std::int64_t kSweptUs = 1'000'000;
constexpr std::size_t kMostKnown = 20'000, kMostToken = 16u << 10;
constexpr unsigned kMostWaiting = 32;  // of one user
/// As the injected Pod asks for it.
constexpr const char* kHubAudience = "scanflow-hub";

Vouched nobodys(std::string problem) { return {.problem = std::move(problem)}; }

/// A claim of the token, which the API server lists as one of many values.
std::string extra_of(const json& user, const char* name) {
  const json& extra = kube::part_of(user, "extra");
  const auto values = extra.find(name);
  const bool one = values != extra.end() && values->is_array() && values->size() == 1;
  return one && values->front().is_string() ? values->front().get<std::string>() : "";
}

Vouched read_review(const json& review) {
  const json& status = kube::part_of(review, "status");
  const json& user = kube::part_of(status, "user");
  if (status.value("authenticated", false) == false) {
    const std::string error = kube::text_of(status, "error");
    return nobodys("the cluster does not know its token" + (error.empty() ? "" : ": " + error));
  }
  const json audiences = status.value("audiences", json::array());
  if (std::find(audiences.begin(), audiences.end(), kHubAudience) == audiences.end())
    return nobodys(fmt::format("its token is not for the audience {}", kHubAudience));
  constexpr std::string_view kAccount = "system:serviceaccount:";
  const std::string name = kube::text_of(user, "username");
  Vouched vouched;
  if (name.starts_with(kAccount))
    vouched.name_space = name.substr(kAccount.size(), name.rfind(':') - kAccount.size());
  vouched.pod = extra_of(user, "authentication.kubernetes.io/pod-name");
  vouched.pod_uid = extra_of(user, "authentication.kubernetes.io/pod-uid");
  if (vouched.name_space.empty() || vouched.pod_uid.empty())
    return nobodys(fmt::format("its token is {}'s, and of no Pod", name));
  return vouched;
}

}  // namespace

std::string refusal_of(const Vouched& vouched, const hub::SidecarKey& key, const std::string& pod) {
  if (!vouched.problem.empty()) return vouched.problem;
  const std::string wanted = namespace_of_user(key.user).value_or("");
  if (vouched.name_space != wanted)
    return fmt::format("its token is of namespace {}, its key of {}", vouched.name_space, wanted);
  if (vouched.pod_uid == key.pod_uid && vouched.pod == pod) return {};
  return fmt::format("its token is of Pod {} ({}), and it says it is {} ({})", vouched.pod,
                     vouched.pod_uid, pod, key.pod_uid);
}

hub::Entry Enrolment::enters(const hub::SidecarKey& key, const protocol::Hello& hello,
                             std::string& why) {
  if (!namespace_of_user(key.user)) return hub::Entry::yes;
  if (const auto pod = pod_of_user(key.user)) {
    if (*pod == key.pod_uid) return hub::Entry::yes;
    why = fmt::format("its key is of Pod {}, and it says it is {}", *pod, key.pod_uid);
    return hub::Entry::no;
  }
  if (hello.token.empty() || hello.token.size() > kMostToken) {
    why =
        "its key is its namespace's, and it brings no token that says which Pod it is (inject it "
        "again)";
    return hub::Entry::no;
  }
  const std::string digest =
      sha256_hex(fmt::format("{}\n{}\n{}\n{}", key.user, key.pod_uid, hello.name, hello.token));
  const std::int64_t now_us = clock_();
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(digest);
  if (found != known_.end() && found->second.asked) return hub::Entry::later;
  if (found != known_.end() && now_us < found->second.until_us) {
    why = found->second.why;
    return why.empty() ? hub::Entry::yes : hub::Entry::no;
  }
  if (has_room(key.user, now_us)) ask(digest, key, hello);
  return hub::Entry::later;
}

/// One namespace does not keep the others waiting.
bool Enrolment::has_room(const std::string& user, std::int64_t now_us) {
  if (known_.size() >= kMostKnown && now_us - swept_us_ >= kSweptUs) {
    swept_us_ = now_us;
    std::erase_if(known_, [&](const auto& each) {
      return !each.second.asked && each.second.until_us <= now_us;
    });
  }
  return known_.size() < kMostKnown && waiting_[user] < kMostWaiting;
}

void Enrolment::ask(const std::string& digest, const hub::SidecarKey& key,
                    const protocol::Hello& hello) {
  known_[digest].asked = true;
  ++waiting_[key.user];
  boost::asio::post(pool_, [this, digest, key, name = hello.name, token = hello.token] {
    std::string why = refusal_of(review_(token, stop_.get_token()), key, name);
    const std::lock_guard lock(mutex_);
    if (--waiting_[key.user] == 0) waiting_.erase(key.user);
    Known& known = known_[digest];
    known.asked = false;
    known.until_us = clock_() + (why.empty() ? kHoldsUs : kRefusedUs);
    known.why = std::move(why);
  });
}

Enrolment::Review review_by(const Cluster& cluster) {
  return [cluster, client = std::make_shared<std::shared_ptr<kube::Client>>()](
             const std::string& token, const std::stop_token& stop) {
    if (!*client) {
      auto opened = kube::Client::open_at(cluster.where);
      if (!opened)
        return nobodys("no cluster can say whose its token is: " + opened.error().message);
      *client = std::move(*opened);
    }
    const kube::Request request{
        .method = "POST",
        .path = "/apis/authentication.k8s.io/v1/tokenreviews",
        .body = {{"apiVersion", "authentication.k8s.io/v1"},
                 {"kind", "TokenReview"},
                 {"spec", {{"token", token}, {"audiences", {kHubAudience}}}}}};
    const auto review = (*client)->call(request, stop);
    if (review) return read_review(*review);
    return nobodys(kube::explained(review.error(), "create a TokenReview") +
                   "; the engine needs that right in the whole cluster (scanflow install "
                   "--cluster-wide, or a binding to system:auth-delegator)");
  };
}

}  // namespace scanflow::runtime
