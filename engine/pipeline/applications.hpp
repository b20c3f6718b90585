// The applications of a server, and what they let the pipelines of their namespaces do. Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/application_spec.hpp"

namespace scanflow::pipeline {

/// Whose a namespace is.
struct Owner {
  const ApplicationSpec* application;
  const Team* team;
};
/// "the team science of the application mnist".
std::string to_text(const Owner& owner);

/// A registered application that cannot be read any more, as far as it can: what is of it, and may not
/// begin until it is applied anew.
struct UnreadApplication {
  std::string name_space, name;
  std::vector<std::string> claims;  // namespaces; empty: all that begin with "NAME-"
  std::string why;
};

/// Each of its own name; no namespace is of two of them (`claimed_twice`).
class Applications {
 public:
  Applications() = default;
  explicit Applications(std::vector<std::shared_ptr<const ApplicationSpec>> all,
                        std::vector<UnreadApplication> unread = {});
  /// None could be read: nothing begins.
  static Applications unknown(std::string why);

  const std::vector<std::shared_ptr<const ApplicationSpec>>& all() const { return all_; }
  bool empty() const { return all_.empty() && unread_.empty() && unknown_.empty(); }
  /// Why nothing begins in the namespace, or "".
  std::string closed(const std::string& name_space) const;
  /// Null: the namespace is free. It lies there as long as this does.
  const Owner* owner_of(const std::string& name_space) const;

 private:
  std::vector<std::shared_ptr<const ApplicationSpec>> all_;
  std::map<std::string, Owner> owners_;  // by namespace
  std::vector<UnreadApplication> unread_;
  std::string unknown_;
};

/// What is wrong with having all of them: a line for each namespace that is of two; or "".
std::string claimed_twice(const std::vector<std::shared_ptr<const ApplicationSpec>>& all);

/// A pipeline as it is asked for.
struct Asked {
  const Pipeline& pipeline;
  std::uint32_t version = 0;  // 0: it is no registered one
  std::string caller = {};    // the namespace of whoever asks; empty: nobody's
};

/// Why it may not run: it, or what it calls, is of a namespace that its caller has no right to,
/// names a secret that is not its namespace's, or asks for more than a whole quota. A line for each
/// reason, with its place and what to change; empty: it may.
std::vector<std::string> refusals(const Applications& applications, const Asked& asked);

/// "2 errors; nothing was run" below them; or "".
std::string render_refusals(const std::vector<std::string>& refusals, std::string_view then);

/// What attempts of the step ask for together that is more than the whole quota: "0.6 CPUs of 0.5".
std::vector<std::string> over_quota(const Quota& quota, const Step& step,
                                    std::uint32_t attempts = 1);

// What an attempt of a step asks for: all its ranks together.
double cpus_of(const Step& step);
std::uint64_t memory_of(const Step& step);
/// Devices whose name ends with "/gpu".
std::uint32_t gpus_of(const Step& step);

}  // namespace scanflow::pipeline
