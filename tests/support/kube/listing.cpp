// list and watch: what is selected, page by page, and from a version on.
#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/api.hpp"
#include "tests/support/kube/base64.hpp"

namespace scanflow::test::kube {
namespace {

struct Page {
  std::int64_t version = 0;  // -1: whatever is now
  std::string start;         // the first key that may come
};

Page page_of(const std::string& token) {
  const auto bytes = from_base64_url(token);
  const json read = bytes ? json::parse(*bytes, nullptr, false) : json();
  if (!read.is_object() || read.value("v", "") != "meta.k8s.io/v1")
    throw bad_request("continue key is not valid: illegal base64 data at input byte 0");
  return {read.value("rv", std::int64_t{0}), read.value("start", "")};
}

std::string token_of(std::int64_t version, const std::string& start) {
  return base64_url(json{{"v", "meta.k8s.io/v1"}, {"rv", version}, {"start", start}}.dump());
}

Selector selector_of(const Call& call) {
  std::string fields = call.parameter("fieldSelector");
  return Selector(call.resource(), call.route.name_space, call.parameter("labelSelector"), fields);
}

/// Nothing is there yet of a version that is to come.
void check_version(const Cluster& cluster, const std::string& version) {
  if (version.empty()) return;
  if (version.find_first_not_of("0123456789") != std::string::npos || version.size() > 18)
    throw bad_request(fmt::format(
        "resourceVersion: Invalid value: \"{}\": strconv.ParseUint: parsing \"{}\": invalid syntax",
        version, version));
  if (std::stoull(version) <= cluster.store.version()) return;
  Answer answer;
  answer.status = 504;
  answer.body = status_of(
      504, "Timeout",
      fmt::format("Too large resource version: {}, current: {}", version, cluster.store.version()),
      {{"causes", causes_of({{"ResourceVersionTooLarge", "Too large resource version", ""}})},
       {"retryAfterSeconds", 1}});
  answer.headers.emplace_back("Retry-After", "1");
  throw Refusal(std::move(answer));
}

/// What there is (or was) to choose from; sets the version that it is of.
Store::Objects objects_of(const Cluster& cluster, const Call& call, const Page& page,
                          std::int64_t& version) {
  const Store& store = cluster.store;
  const std::string asked = call.parameter("resourceVersion");
  version = static_cast<std::int64_t>(store.version());
  if (page.version > 0) {
    version = page.version;
    try {
      return store.at(call.resource(), static_cast<std::uint64_t>(version));
    } catch (const Refusal&) {
      throw expired(
          "The provided continue parameter is too old to display a consistent list result. You can "
          "start a new list without the continue parameter, or use the continue token in this "
          "response to retrieve the remainder of the results. Continuing with the provided token "
          "results in an inconsistent list - objects that were created, modified, or deleted "
          "between the time the first chunk was returned and now may show up in the list.",
          token_of(-1, page.start));
    }
  }
  if (call.parameter("resourceVersionMatch") == "Exact" && !asked.empty()) {
    version = std::stoll(asked);
    return store.at(call.resource(), std::stoull(asked));
  }
  if (call.versions_ago > 0) {
    version = std::max<std::int64_t>(version - static_cast<std::int64_t>(call.versions_ago), 1);
    return store.at(call.resource(), static_cast<std::uint64_t>(version));
  }
  return store.objects(call.resource());
}

}  // namespace

Answer list(Cluster& cluster, const Call& call) {
  const Resource& resource = call.resource();
  const std::string token = call.parameter("continue"), limit_text = call.parameter("limit");
  const std::size_t limit = limit_text.empty() ? 0 : std::stoul(limit_text);
  const Page page = token.empty() ? Page{} : page_of(token);
  check_version(cluster, call.parameter("resourceVersion"));
  const Selector selector = selector_of(call);
  const std::string prefix = call.route.name_space.empty() ? "" : call.route.name_space + "/";
  std::int64_t version = 0;
  const Store::Objects objects = objects_of(cluster, call, page, version);
  std::string items, last;
  std::size_t taken = 0, left = 0;
  for (auto at = objects.lower_bound(prefix + page.start);
       at != objects.end() && at->first.starts_with(prefix); ++at) {
    if (limit > 0 && taken == limit) {
      ++left;
      continue;
    }
    if (!selector.matches(*at->second)) continue;
    items += items.empty() ? "" : ",";
    items += resource.custom ? at->second->text() : at->second->item_text();
    last = at->first.substr(prefix.size());
    ++taken;
  }
  json metadata = {{"resourceVersion", std::to_string(version)}};
  if (left > 0) {
    metadata["continue"] = token_of(version, last + std::string(1, '\0'));
    const bool all =
        call.parameter("labelSelector").empty() && call.parameter("fieldSelector").empty();
    if (all) metadata["remainingItemCount"] = left;
  }
  Answer answer;
  answer.text = fmt::format(R"({{"kind":"{}List","apiVersion":"{}","metadata":{},"items":[{}]}})",
                            resource.kind, resource.api_version(), metadata.dump(), items);
  return answer;
}

Answer watch(Cluster& cluster, const Call& call) {
  const std::string version = call.parameter("resourceVersion");
  const auto is_on = [&](const char* name) {
    const std::string value = call.parameter(name);
    return value == "true" || value == "1";
  };
  const bool initial = is_on("sendInitialEvents");
  if (initial && call.parameter("resourceVersionMatch") != "NotOlderThan")
    throw invalid({.group = "meta.k8s.io", .kind = "ListOptions"}, "",
                  {{"FieldValueForbidden",
                    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
                    "NotOlderThan",
                    "resourceVersionMatch"}});
  if (version.find_first_not_of("0123456789") != std::string::npos) check_version(cluster, version);
  const bool bookmarks = is_on("allowWatchBookmarks") && !call.no_bookmarks;
  auto stream = std::make_shared<WatchStream>(
      cluster.store, cluster.lock,
      WatchRequest{&call.resource(), selector_of(call), version, bookmarks, initial});
  cluster.watches.push_back(stream);
  Answer answer;
  answer.watch = std::move(stream);
  const std::string timeout = call.parameter("timeoutSeconds");
  if (!timeout.empty()) answer.timeout_s = std::stoll(timeout);
  return answer;
}

}  // namespace scanflow::test::kube
