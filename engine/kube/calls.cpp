// What is asked of an API server, and asked again.
#include <fmt/format.h>

#include "engine/kube/client.hpp"
#include "engine/kube/fields.hpp"

namespace scanflow::kube {
namespace {

constexpr std::size_t kMostAnswer = std::size_t{64} << 20;
constexpr const char* kPage = "500";
constexpr const char* kManager = "scanflow";
constexpr int kMostConflicts = 8;
constexpr int kMostListings = 3;

const char* content_type_of(Patch patch) {
  switch (patch) {
    case Patch::merge:
      return "application/merge-patch+json";
    case Patch::operations:
      return "application/json-patch+json";
    case Patch::strategic:
      return "application/strategic-merge-patch+json";
    case Patch::apply:
      break;
  }
  return "application/apply-patch+yaml";  // of which JSON is a part
}

Failure stopped() {
  return failure_of(http::NoAnswer{http::NoAnswer::Why::stopped, "", false}, "");
}

}  // namespace

Answer<json> Client::call_once(const Request& request, const std::stop_token& stop) {
  auto asked = outgoing(request, stop);
  if (!asked) return tl::unexpected(asked.error());
  // One that was kept may have been closed by the other side meanwhile.
  for (const bool fresh : {false, true}) {
    auto there = connection(fresh, stop);
    if (!there) return tl::unexpected(there.error());
    http::Client& client = *there->client;
    const auto head = client.ask(*asked, stop);
    const auto body = head ? client.rest(kMostAnswer, stop) : tl::unexpected(head.error());
    if (!body) {
      const bool closed = body.error().why == http::NoAnswer::Why::closed;
      if (!fresh && closed && request.harmless) continue;
      return tl::unexpected(failure_of(body.error(), access().server));
    }
    if (client.reusable()) keep(std::move(*there));
    if (head->status / 100 != 2) return tl::unexpected(failure_of(*head, *body));
    if (request.unread) return json();
    json document = parse_lean(*body, request.leave_out);
    if (document.is_object()) return document;
    return tl::unexpected(
        failure_of(*head, "it does not answer as an API server does: is it one?"));
  }
  return {};  // not reached
}

Answer<json> Client::call(const Request& request, const std::stop_token& stop) {
  bool renewed = false;
  for (int tried = 1;; ++tried) {
    if (!wait_turn(stop)) return tl::unexpected(stopped());
    auto answer = call_once(request, stop);
    if (answer) return answer;
    constexpr int kUnknown = 401;
    if (answer.error().code == kUnknown && !renewed && identity_.renew()) {
      renewed = true;
      continue;
    }
    const auto wait_us =
        next_try_us(answer.error(), request.harmless, tried, jitter(), means_.repeat);
    if (!wait_us) return answer;
    if (answer.error().retry_after) {
      const std::scoped_lock lock(mutex_);
      limiter_.hold(means_.monotonic_us(), answer.error().retry_after->count() * 1000);
    }
    if (!wait_for(*wait_us, stop)) return answer;
  }
}

Answer<std::unique_ptr<Client::Stream>> Client::open_stream(const Request& request,
                                                            const std::stop_token& stop) {
  if (!wait_turn(stop)) return tl::unexpected(stopped());
  for (const bool renewed : {false, true}) {
    auto asked = outgoing(request, stop);
    if (!asked) return tl::unexpected(asked.error());
    auto there = connection(true, stop);
    if (!there) return tl::unexpected(there.error());
    http::Client& client = *there->client;
    const auto head = client.ask(*asked, stop);
    if (!head) return tl::unexpected(failure_of(head.error(), access().server));
    if (head->status / 100 == 2)
      return std::make_unique<Stream>(std::move(there->client), access().server);
    const auto body = client.rest(kMostAnswer, stop);
    Failure failure = failure_of(*head, body.value_or(""));
    constexpr int kUnknown = 401;
    if (failure.code != kUnknown || renewed || !identity_.renew())
      return tl::unexpected(std::move(failure));
  }
  return {};  // not reached
}

Answer<std::string> Client::Stream::next(const std::stop_token& stop,
                                         std::chrono::milliseconds silence) {
  auto piece = client_->next(stop, silence);
  if (!piece) return tl::unexpected(failure_of(piece.error(), server_));
  return std::move(*piece);
}

Answer<json> Client::get(const Kind& kind, const std::string& name_space, const std::string& name,
                         const std::stop_token& stop) {
  return call({.path = path_of(kind, name_space, name)}, stop);
}

Answer<Collection> Client::list(const Kind& kind, const std::string& name_space,
                                const Selection& selection, const std::stop_token& stop) {
  for (int listing = 1;; ++listing) {
    auto all = list_once(kind, name_space, selection, stop);
    if (all || !all.error().expired() || listing >= kMostListings) return all;
  }
}

Answer<Collection> Client::list_once(const Kind& kind, const std::string& name_space,
                                     const Selection& selection, const std::stop_token& stop) {
  Collection all;
  std::string more;
  do {
    auto page = call({.path = path_of(kind, name_space),
                      .query = {{"labelSelector", selection.labels},
                                {"fieldSelector", selection.fields},
                                {"limit", kPage},
                                {"continue", more}}},
                     stop);
    if (!page) return tl::unexpected(page.error());
    const json& metadata = part_of(*page, "metadata");
    const std::string version = text_of(metadata, "resourceVersion");
    // All pages are of one moment. Of one that it has forgotten a 1.36 was seen to give an empty page.
    if (!more.empty() && version != all.version) {
      constexpr int kExpired = 410;
      return tl::unexpected(
          failure_of(http::Head{kExpired, {}}, "the list has changed too often while it was read"));
    }
    all.version = version;
    for (json& item : (*page)["items"]) all.items.push_back(std::move(item));
    more = text_of(metadata, "continue");
  } while (!more.empty());
  return all;
}

Answer<json> Client::create(const Kind& kind, const std::string& name_space, const json& object,
                            const std::stop_token& stop, const CreateOptions& options) {
  const bool named = !text_at(object, "/metadata/name"_json_pointer).empty();
  return call({.method = "POST",
               .path = path_of(kind, name_space),
               .query = {{"fieldManager", kManager}, {"dryRun", options.dry_run ? "All" : ""}},
               .body = object,
               .harmless = named,
               .leave_out = options.leave_out},
              stop);
}

Answer<json> Client::replace(const Kind& kind, const std::string& name_space, const json& object,
                             const std::stop_token& stop) {
  const std::string name = text_at(object, "/metadata/name"_json_pointer);
  return call({.method = "PUT",
               .path = path_of(kind, name_space, name),
               .query = {{"fieldManager", kManager}},
               .body = object},
              stop);
}

Answer<json> Client::patch(const Kind& kind, const std::string& name_space, const std::string& name,
                           Patch how, const json& patch, const PatchOptions& options,
                           const std::stop_token& stop) {
  return call({.method = "PATCH",
               .path = path_of(kind, name_space, name, options.subresource),
               .query = {{"fieldManager", kManager},
                         {"dryRun", options.dry_run ? "All" : ""},
                         {"force", options.force ? "true" : ""}},
               .body = patch,
               .content_type = content_type_of(how),
               .harmless = how != Patch::operations,
               .unread = options.unread},
              stop);
}

Answer<void> Client::remove(const Kind& kind, const std::string& name_space,
                            const std::string& name, const Removal& removal,
                            const std::stop_token& stop) {
  json body = {
      {"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", removal.propagation}};
  if (!removal.uid.empty()) body["preconditions"] = {{"uid", removal.uid}};
  if (removal.grace_s >= 0) body["gracePeriodSeconds"] = removal.grace_s;
  const auto done = call({.method = "DELETE",
                          .path = path_of(kind, name_space, name),
                          .body = std::move(body),
                          .unread = true},
                         stop);
  if (done || done.error().is("NotFound")) return {};
  // Another one of that name is none of ours.
  if (!removal.uid.empty() && done.error().is("Conflict")) return {};
  return tl::unexpected(done.error());
}

Answer<json> Client::update(const Kind& kind, const std::string& name_space,
                            const std::string& name, const std::function<bool(json&)>& change,
                            const std::stop_token& stop) {
  for (int tried = 0;; ++tried) {
    auto object = get(kind, name_space, name, stop);
    if (!object || !change(*object)) return object;
    auto replaced = replace(kind, name_space, *object, stop);
    if (replaced || !replaced.error().is("Conflict") || tried >= kMostConflicts) return replaced;
    if (!wait_for(backoff_us(tried, jitter(), 10'000, 1'000'000), stop)) return replaced;
  }
}

}  // namespace scanflow::kube
