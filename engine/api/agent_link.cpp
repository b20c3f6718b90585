#include "engine/api/agent_link.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

namespace scanflow::api {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{100}, kLongestWait{5000};

std::string text_of(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// An answer of 2xx; of a server that is not there the status is 0.
Answer<json> ask_once(const HttpClient& client, const HttpClient::Ask& ask) {
  const auto reply = client.request(ask);
  if (!reply) return tl::unexpected(Failure{0, 3, reply.error().message});
  if (reply->status / 100 != 2) {
    Failure failure = failure_of(reply->status, reply->body);
    failure.status = reply->status;
    return tl::unexpected(std::move(failure));
  }
  json document = json::parse(reply->body, nullptr, false);
  if (document.is_discarded()) return tl::unexpected(Failure{0, 3, not_ours(client.url())});
  return document;
}

}  // namespace

milliseconds Patience::away(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (wait_ == milliseconds(0)) log_(why + "; it is tried again until it answers");
  wait_ = wait_ == milliseconds(0) ? kFirstWait : std::min(wait_ * 2, kLongestWait);
  thread_local std::minstd_rand random(std::random_device{}());
  return wait_ / 2 + milliseconds(std::uniform_int_distribution<>(
                         0, static_cast<int>(wait_.count() / 2))(random));
}

void Patience::there() {
  const std::lock_guard lock(mutex_);
  if (wait_ > milliseconds(0)) log_("the server answers again");
  wait_ = milliseconds(0);
}

Answer<json> AgentLink::open(const HttpClient& client, const std::string& target) {
  return ask_once(client, {.method = "POST",
                           .target = target,
                           .body = text_of({{"host", host_name()}, {"pid", ::getpid()}})});
}

Result<json> AgentLink::ask(const json& body) {
  const HttpClient::Ask question{.method = "POST", .target = target_, .body = text_of(body)};
  for (;;) {
    if (over_) return fail("the session is over");
    auto answer = ask_once(client_, question);
    if (answer) {
      patience_.there();
      return std::move(*answer);
    }
    const Failure& failure = answer.error();
    if (failure.status == 404 || failure.status == 409 || failure.status == 422) over_ = true;
    if (failure.status / 100 == 4) return fail(failure.message);
    if (giving_up_) return fail(failure.message);
    const milliseconds wait = patience_.away(failure.message);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return is_silent(); });
  }
}

void AgentLink::give_up() {
  const std::lock_guard lock(mutex_);
  giving_up_ = true;
  changed_.notify_all();
}

void AgentLink::close() {
  if (!over_) (void)ask_once(client_, {.method = "DELETE", .target = target_});
}

}  // namespace scanflow::api
