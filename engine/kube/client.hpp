// The Kubernetes API, of any group and kind: calls that block, over connections that are kept. They keep to a
// rate, honour Retry-After, and ask again where that is of use. All calls [any-thread].
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/http/client.hpp"
#include "engine/kube/failure.hpp"
#include "engine/kube/identity.hpp"
#include "engine/kube/kind.hpp"
#include "engine/kube/lean.hpp"
#include "engine/kube/limiter.hpp"
#include "engine/kube/retry.hpp"

namespace scanflow::kube {

using Query = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string path;  // of path_of()
  Query query = {};
  json body = {};  // null: none
  std::string content_type = "application/json";
  bool harmless = true;           // to be done twice
  LeaveOut leave_out = kManaged;  // of the answer
  bool unread = false;            // the answer is not looked at, where it is a good one
};

enum class Patch { merge, operations, strategic, apply };

struct PatchOptions {
  std::string subresource = {};
  bool dry_run = false;
  bool force = false;  // of `apply`: takes fields that are others'
  bool unread = false;
};

struct CreateOptions {
  bool dry_run = false;
  LeaveOut leave_out = kManaged;
};

struct Removal {
  std::string uid = {};  // only this one; empty: whoever has that name
  std::string propagation = "Background";
  std::int64_t grace_s = -1;  // below 0: as the object says
};

/// Which objects of a kind.
struct Selection {
  std::string labels = {}, fields = {};
};

struct Collection {
  std::vector<json> items;
  std::string version;  // from which to watch
};

class Client {
 public:
  struct Means {
    std::function<std::int64_t()> monotonic_us, wall_us;
    Rate rate;
    Repeat repeat;
    std::chrono::milliseconds connect = std::chrono::seconds(10);
    std::chrono::milliseconds silence = std::chrono::seconds(60);
  };
  /// Nothing is connected yet.
  static Result<std::shared_ptr<Client>> open(Access access, Means means);
  /// The same of the cluster that is meant there.
  static Result<std::shared_ptr<Client>> open_at(const Whereabouts& where, Means means = usual());
  static Means usual();

  const Access& access() const { return identity_.access(); }

  Answer<json> call(const Request& request, const std::stop_token& stop = {});

  Answer<json> get(const Kind& kind, const std::string& name_space, const std::string& name,
                   const std::stop_token& stop = {});
  /// All pages; listed anew, a few times, where a page has expired meanwhile.
  Answer<Collection> list(const Kind& kind, const std::string& name_space,
                          const Selection& selection = {}, const std::stop_token& stop = {});
  /// Of an object with a name: AlreadyExists may then be its own doing, before an answer was lost.
  Answer<json> create(const Kind& kind, const std::string& name_space, const json& object,
                      const std::stop_token& stop = {}, const CreateOptions& options = {});
  /// Conflict where it is another version's by now.
  Answer<json> replace(const Kind& kind, const std::string& name_space, const json& object,
                       const std::stop_token& stop = {});
  Answer<json> patch(const Kind& kind, const std::string& name_space, const std::string& name,
                     Patch how, const json& patch, const PatchOptions& options = {},
                     const std::stop_token& stop = {});
  /// One that is not there (any more) is removed.
  Answer<void> remove(const Kind& kind, const std::string& name_space, const std::string& name,
                      const Removal& removal = {}, const std::stop_token& stop = {});
  /// Reads, changes and writes it, again where others have changed it meanwhile. `change`: false: it is as it should be.
  Answer<json> update(const Kind& kind, const std::string& name_space, const std::string& name,
                      const std::function<bool(json&)>& change, const std::stop_token& stop = {});

  /// A long answer, piece by piece, on a connection of its own. Asked for once.
  class Stream {
   public:
    Stream(std::unique_ptr<http::Client> client, std::string server)
        : client_(std::move(client)), server_(std::move(server)) {}
    /// Empty: that was all.
    Answer<std::string> next(const std::stop_token& stop, std::chrono::milliseconds silence);

   private:
    std::unique_ptr<http::Client> client_;
    std::string server_;
  };
  Answer<std::unique_ptr<Stream>> open_stream(const Request& request, const std::stop_token& stop);

  /// From 0 to 1.
  double jitter();
  const Means& means() const { return means_; }

 private:
  Client(Access access, Means means, http::Peer peer, std::string base);
  struct Connection {
    std::unique_ptr<http::Client> client;
    const void* context;    // it was opened with
    std::int64_t since_us;  // it is idle
  };
  /// A kept one, or a `fresh` one.
  Answer<Connection> connection(bool fresh, const std::stop_token& stop);
  void keep(Connection connection);
  Answer<http::Outgoing> outgoing(const Request& request, const std::stop_token& stop);
  Answer<Collection> list_once(const Kind& kind, const std::string& name_space,
                               const Selection& selection, const std::stop_token& stop);
  Answer<json> call_once(const Request& request, const std::stop_token& stop);
  bool wait_turn(const std::stop_token& stop);

  Identity identity_;
  const Means means_;
  const http::Peer peer_;   // without its context
  const std::string base_;  // what comes before each path
  std::mutex mutex_;        // of what follows
  Limiter limiter_;
  std::mt19937_64 random_{std::random_device{}()};
  std::vector<Connection> idle_;
};

/// Waits so long, or until it is stopped. False: it was.
bool wait_for(std::int64_t wait_us, const std::stop_token& stop);

}  // namespace scanflow::kube
