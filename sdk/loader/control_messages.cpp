#include "sdk/loader/control_messages.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "sdk/base/files.hpp"

namespace scanflow::loader {
namespace {

using Clock = std::chrono::steady_clock;

/// States are bytes of a plugin's own.
json bytes_of(const std::string& text) {
  return json::binary(std::vector<std::uint8_t>(text.begin(), text.end()));
}
std::string text_of_bytes(const json& bytes) {
  const auto& binary = bytes.get_binary();
  return {binary.begin(), binary.end()};
}

json state_document(const std::optional<std::string>& state) {
  return state ? bytes_of(*state) : json();
}
std::optional<std::string> state_from(const json& document) {
  if (document.is_null()) return std::nullopt;
  return text_of_bytes(document);
}

/// All of `size` bytes; fewer: the end. An error: not in time.
Result<std::size_t> read_all(int fd, char* data, std::size_t size,
                             const std::optional<Clock::time_point>& until) {
  std::size_t got = 0;
  while (got < size) {
    int wait_ms = -1;
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now());
      wait_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }
    pollfd poll_fd{fd, POLLIN, 0};
    const int heard = ::poll(&poll_fd, 1, wait_ms);
    if (heard < 0 && errno == EINTR) continue;
    if (heard == 0) return fail(kLate);
    const ssize_t n = ::read(fd, data + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return got;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace

json to_json(const WakeUp& why) {
  return {{"reason", why.reason},
          {"now_us", why.now_us},
          {"event", why.event},
          {"state", bytes_of(why.state)}};
}

WakeUp wake_up_from_json(const json& document) {
  return {document.at("reason"), document.at("now_us"), document.at("event"),
          text_of_bytes(document.at("state"))};
}

json to_json(const Woken& woken) {
  return {{"fires", woken.fires},
          {"state", state_document(woken.state)},
          {"next_wake_us", woken.next_wake_us ? json(*woken.next_wake_us) : json()}};
}

Woken woken_from_json(const json& document) {
  Woken woken;
  woken.fires = document.at("fires").get<std::vector<json>>();
  woken.state = state_from(document.at("state"));
  if (!document.at("next_wake_us").is_null()) woken.next_wake_us = document.at("next_wake_us");
  return woken;
}

json to_json(const Question& question) {
  return {{"now_us", question.now_us},
          {"evidence", question.evidence},
          {"state", bytes_of(question.state)}};
}

Question question_from_json(const json& document) {
  return {document.at("now_us"), document.at("evidence"), text_of_bytes(document.at("state"))};
}

json to_json(const Decided& decided) {
  json actions = json::array();
  for (const WantedAction& each : decided.actions)
    actions.push_back({{"primitive", each.primitive},
                       {"target", each.target},
                       {"args", each.args},
                       {"reason", each.reason}});
  return {{"actions", std::move(actions)}, {"state", state_document(decided.state)}};
}

Decided decided_from_json(const json& document) {
  Decided decided;
  for (const json& each : document.at("actions"))
    decided.actions.push_back(
        {each.at("primitive"), each.at("target"), each.at("args"), each.at("reason")});
  decided.state = state_from(document.at("state"));
  return decided;
}

Result<void> write_frame(int fd, const json& message) {
  const std::vector<std::uint8_t> body = json::to_cbor(message);
  if (body.size() > kMaxControlFrame)
    return fail(fmt::format("a message of {} bytes is too long", body.size()));
  std::string frame(4, '\0');
  const auto size = static_cast<std::uint32_t>(body.size());
  std::memcpy(frame.data(), &size, sizeof size);  // both ends are of one machine
  frame.append(body.begin(), body.end());
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t n = ::send(fd, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(describe_errno("cannot write to", "a control host", errno));
    sent += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::optional<json>> read_frame(int fd, std::chrono::milliseconds patience) {
  std::optional<Clock::time_point> until;
  if (patience.count() >= 0) until = Clock::now() + patience;
  std::array<char, 4> head{};
  const auto begun = read_all(fd, head.data(), head.size(), until);
  if (!begun) return tl::unexpected(begun.error());
  if (*begun < head.size()) return std::nullopt;
  std::uint32_t size = 0;
  std::memcpy(&size, head.data(), sizeof size);
  if (size > kMaxControlFrame) return fail("no frame: it would be too long");
  std::string body(size, '\0');
  const auto got = read_all(fd, body.data(), body.size(), until);
  if (!got) return tl::unexpected(got.error());
  if (*got < body.size()) return std::nullopt;
  json message = json::from_cbor(body, true, false);
  if (message.is_discarded() || !message.is_object()) return fail("no frame: not CBOR");
  return message;
}

}  // namespace scanflow::loader
