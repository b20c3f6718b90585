// What an API server asks of a mutating webhook (AdmissionReview of admission.k8s.io/v1), and what it
// is answered. Pure: it knows nothing but the request, so that a dry run is answered like any other.
#pragma once

#include <string>
#include <vector>

#include "engine/http/message.hpp"
#include "engine/inject/inject.hpp"

namespace scanflow::webhook {

/// Of a body; an object may have 3 MiB, and what is made brings one.
inline constexpr std::uint64_t kMostBytes = 4u << 20;

struct Verdict {
  http::Response response;
  bool dry_run = false;
  std::string name_space;               // of the request
  std::vector<inject::Report> reports;  // what became of each object in it
  /// Why there is no sidecar where there should be one: an annotation is wrong. The object is
  /// admitted as it is, with a warning to whoever sent it: no app is kept from running by what
  /// looks after it.
  std::string problem;
  std::string refused;  // why the request was no such review; then the status is 4xx
};

/// Creations are answered with a JSON Patch; a Pod that was injected before it came stays as it is,
/// and so does what is updated or is a subresource. `settings`: over them come the annotations.
Verdict review(const http::Request& request, const inject::Settings& settings);

}  // namespace scanflow::webhook
