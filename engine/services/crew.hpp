// The Pods of a service, and which versions each was told by its sidecar: what it is to be told next, so that each soon
// has what is wanted, also one that has come late, or whose container was started again. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace scanflow::services {

using nlohmann::json;

/// As the cluster says it.
struct SeenPod {
  std::string uid, name, node, document;  // the digest of the document that it serves
  bool running = false;                   // its container
  bool ready = false;                     // it takes requests
  int restarts = 0;                       // of its container
  std::string trouble;                    // why it does not run
};

class Crew {
 public:
  /// To be told to a Pod: the primitive set_traffic of a node.
  struct Order {
    std::string uid, node;
    json traffic;
    std::uint64_t number = 0;
  };
  struct Answer {
    bool done = false;
    bool refused = false;          // by the service itself: it stays so
    std::string message;           // why not
    std::int64_t switched_us = 0;  // how long the switch took
  };
  struct Member {
    SeenPod pod;
    std::string problem;  // why it does not serve what is wanted; empty: it does, or is about to
  };

  /// Pods of this document, and no others, are to have these: traffic by node.
  void want(std::string document, std::map<std::string, json> traffic);
  void want_of(const std::string& node, json traffic);

  void seen(const SeenPod& pod);
  void gone(const std::string& uid) { pods_.erase(uid); }
  /// All there are: others are gone.
  void listed(const std::vector<SeenPod>& pods);

  /// What is to be told now; to each Pod one at a time (two would supersede each other), until it is answered.
  std::vector<Order> orders(std::int64_t now_us);
  void answered(const Order& order, const Answer& answer, std::int64_t now_us);
  /// Nobody knows what it has of this node: it is told again.
  void forget(const std::string& uid, const std::string& node);

  /// One that takes requests, and whom others may follow; "": there is none.
  std::string first() const;
  /// Has each Pod that takes requests what is wanted of this node?
  bool settled(const std::string& node) const;
  /// Pods that have said that they cannot have it.
  std::vector<SeenPod> refusers(const std::string& node) const;
  std::int64_t slowest_us(const std::string& node) const;  // switch, of the last ones
  std::vector<Member> members() const;
  /// Nothing is wanted of it, and nobody is there.
  bool over() const { return document_.empty() && pods_.empty(); }
  std::size_t ready() const;

 private:
  struct Told {
    json traffic;  // that it has done; null: none
    std::uint64_t asked = 0;
    std::int64_t again_us = 0, wait_us = 0;
    std::string problem;
    bool refused = false;
    std::int64_t switched_us = 0;
  };
  struct Pod {
    SeenPod seen;
    std::map<std::string, Told> told;  // by node
  };
  static bool has_problem(const Pod& pod);
  bool concerned(const Pod& pod) const {
    return pod.seen.running && pod.seen.document == document_;
  }

  std::string document_;
  std::map<std::string, json> traffic_;
  std::map<std::string, Pod> pods_;
  std::uint64_t last_ = 0;
};

}  // namespace scanflow::services
