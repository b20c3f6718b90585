// What a service is made of. Private to engine/infer.
#pragma once

#include <algorithm>

#include "engine/infer/batch.hpp"
#include "engine/infer/service.hpp"

namespace scanflow::infer {

struct Service::Call {
  Call(Ask given, const Flow& flow, std::int64_t now)
      : ask(std::move(given)), passage(flow, ask.request.inputs), begun_us(now) {}
  Ask ask;
  Passage passage;
  std::int64_t begun_us;
  std::map<std::string, std::string> versions;
  bool settled = false;  // answered, or about to be
};

/// A version with what it has done.
struct Service::Served {
  explicit Served(Version given) : version(std::move(given)) { status.share = version.share; }
  Version version;
  VersionStatus status;
};

struct Service::Item {
  std::shared_ptr<Call> call;
  std::vector<Tensor> inputs;
  std::int64_t queued_us = 0;
};

/// Items that go into one call of one version.
struct Service::Batch {
  NodeIndex node = 0;
  std::shared_ptr<Served> served;
  std::vector<Item> items;
  std::vector<std::int64_t> rows;      // of each
  std::shared_ptr<Shadowed> shadowed;  // instead of items
};

/// A call that a shadow makes after the live version, and what that answered.
struct Service::Shadowed {
  NodeIndex node = 0;
  std::shared_ptr<Served> served;
  std::vector<Tensor> inputs, outputs;
};

struct Service::Node {
  Node(const FlowNode& spec, std::vector<Version> given_versions) {
    status.name = spec.name;
    status.type = spec.type;
    set(std::move(given_versions));
  }
  void set(std::vector<Version> given) {
    std::vector<std::shared_ptr<Served>> next;
    std::vector<Share> shares;
    for (Version& version : given) {
      shares.push_back(version.share);
      auto same = std::find_if(versions.begin(), versions.end(), [&](const auto& old) {
        return old->version.model == version.model;
      });
      if (same != versions.end()) {
        (*same)->version.share = (*same)->status.share = version.share;
        next.push_back(*same);
      } else {
        next.push_back(std::make_shared<Served>(std::move(version)));
      }
    }
    versions = std::move(next);
    traffic = Traffic(shares);
    batchable = std::all_of(versions.begin(), versions.end(), [](const auto& served) {
      return served->version.model->signature().batchable;
    });
  }

  std::shared_ptr<Served> find(const std::string& version) const {
    for (const auto& served : versions)
      if (served->version.share.version == version) return served;
    return nullptr;
  }

  std::vector<std::shared_ptr<Served>> versions;
  Traffic traffic{{}};
  bool batchable = false;  // all versions are
  std::deque<Item> queue;
  std::shared_ptr<Served> called;  // apart, now; null: none
  NodeStatus status;               // but its versions
};

}  // namespace scanflow::infer
