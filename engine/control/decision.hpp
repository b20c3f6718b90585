// What a rule has decided, and what became of it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::control {

using nlohmann::json;

/// An event that agents may wait for.
struct Happening {
  std::int64_t seq = 0;  // the store's to say
  std::string type, source;
  std::int64_t time_us = 0;  // since 1970
  int depth = 0;             // how many rules have led to it, each by an event
  std::string origin;        // whose it is: two of one are one; empty: of nobody who asks twice
  json payload = json::object();
};
/// Of those that the engine tells by itself: nobody else may.
bool is_of_engine(const std::string& type);
/// `pattern`: a type, or the beginning of one and '*'.
bool is_of_type(const std::string& pattern, const std::string& type);
/// {"type", "source", "time_us", "payload"}: as triggers get it.
json to_json(const Happening& happening);

/// One primitive that was asked for.
struct DecidedAction {
  std::string primitive;
  json target = json::object(), args = json::object();
  std::string outcome;  // empty: none yet; DONE, or why not: FAILED, EXPIRED, ...
  std::string message;
  json evidence = json::object();
  std::string reason = {};  // of its strategy's, for people
};

struct Decision {
  std::string id;            // UUIDv7
  std::string agent, rule;   // NAMESPACE/NAME
  std::int64_t time_us = 0;  // since 1970
  std::string mode;          // act, recommend, approve
  /// acting, waiting (for an approval); or how it ended: nothing (no action was asked for), recommended, held (by the
  /// guard), refused (it asked for what it may not), rejected (by a person), abandoned (its agent was deleted), done,
  /// failed.
  std::string state;
  std::string reason;  // of held, refused, failed
  std::string by;      // who approved or rejected it
  std::int64_t ended_us = 0;
  int depth = 0;  // as of Happening
  /// Of the run that somebody waits to begin, by whoever keeps it; 0: of none. It is not kept.
  std::uint64_t submission = 0;
  json evidence = json::object();
  std::vector<DecidedAction> actions;
};
/// All of it but depth and submission.
json to_json(const Decision& decision);
json to_json(const std::vector<DecidedAction>& actions);
std::vector<DecidedAction> actions_from_json(const json& document);

}  // namespace scanflow::control
