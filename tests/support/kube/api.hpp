// What an API server does with a request: who asks is known already. Of the cluster's lock.
#pragma once

#include <string>

#include "engine/http/message.hpp"
#include "tests/support/kube/cluster.hpp"
#include "tests/support/kube/route.hpp"
#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {

struct Call {
  const http::Request& request;
  Route route;
  User user;
  std::uint64_t versions_ago = 0;  // get and list answer as things were then
  bool no_bookmarks = false;

  const Resource& resource() const { return *route.resource; }
  std::string key() const { return key_of(resource(), route.name_space, route.name); }
  std::string parameter(const char* name) const { return request.parameter(name); }
  bool is_dry_run() const { return parameter("dryRun") == "All"; }
  /// Of managedFields.
  std::string manager() const;
  /// "application/json" of "application/json; charset=utf-8".
  std::string content_type() const;
  /// Throws Refusal (400, 415).
  json body() const;
};

/// Rights and all; every refusal is an answer here.
Answer answer(Cluster& cluster, const Call& call);

// What it is made of; all of these throw Refusal.
Answer list(Cluster& cluster, const Call& call);
Answer watch(Cluster& cluster, const Call& call);
Answer read(Cluster& cluster, const Call& call);
Answer create(Cluster& cluster, const Call& call);
Answer update(Cluster& cluster, const Call& call);
Answer patch(Cluster& cluster, const Call& call);
Answer remove(Cluster& cluster, const Call& call);
Answer remove_collection(Cluster& cluster, const Call& call);
/// Of those subresources that are no part of an object.
Answer subresource(Cluster& cluster, const Call& call);
Answer review(Cluster& cluster, const Call& call);
/// Paths that are no resource's.
Answer discover(Cluster& cluster, const http::Request& request);

/// What is there; throws Refusal (404).
Held existing(Cluster& cluster, const Call& call);
Answer answer_of(const Held& held, int status = 200);
/// Makes what is asked for of a new object, and says 201.
Answer make(Cluster& cluster, const Call& call, json object);
/// Puts `next` in the place of `before` as update and patch do.
Answer replace(Cluster& cluster, const Call& call, const Held& before, json next);

}  // namespace scanflow::test::kube
