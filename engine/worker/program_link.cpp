#include "engine/worker/program_link.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "sdk/loader/commands.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

constexpr std::size_t kReadAtOnce = std::size_t{64} << 10;
constexpr int kMaxReads = 256;  // at the attempt's end

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

ProgramLink::~ProgramLink() {
  for (const auto& [fd, peer] : peers_) loop_.forget(fd);
}

void ProgramLink::add(UniqueFd connection) {
  if (peers_.size() >= kMaxConnections) {
    return events_.closed(fmt::format("more than {} connections", kMaxConnections));
  }
  const int fd = connection.get();
  auto peer = std::make_unique<Peer>();
  peer->fd = std::move(connection);
  peers_[fd] = std::move(peer);
  loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t events) { on_ready(fd, events); });
}

json ProgramLink::offers() const {
  std::map<std::uint64_t, const Peer*, std::greater<>> latest_first;
  for (const auto& [fd, peer] : peers_) latest_first[peer->offered] = peer.get();
  json all = json::array();
  for (const auto& [number, peer] : latest_first) {
    for (const json& command : peer->offers) {
      if (loader::find_command(all, command["name"].get<std::string>()) == nullptr) {
        all.push_back(command);
      }
    }
  }
  return all;
}

std::optional<loader::CommandAnswer> ProgramLink::ask(std::uint64_t call, const std::string& name,
                                                      const std::string& arguments) {
  const json offered = offers();
  const json* command = loader::find_command(offered, name);
  if (command == nullptr) return loader::command_unsupported(name, offered);
  auto read = loader::read_arguments(*command, arguments);
  if (!read) return loader::command_failed(read.error().message);
  if (!tell(call, name, *read))
    return loader::command_failed("the program that offered it is gone");
  return std::nullopt;
}

bool ProgramLink::tell(std::uint64_t call, const std::string& name, const json& arguments) {
  Peer* to = nullptr;
  for (const auto& [fd, peer] : peers_) {
    const bool offers = loader::find_command(peer->offers, name) != nullptr;
    if (offers && (to == nullptr || to->offered < peer->offered)) to = peer.get();
  }
  if (to == nullptr) return false;
  to->calls.insert(call);
  to->out += text_of({{"call", call}, {"command", name}, {"arguments", arguments}}) + "\n";
  write(*to);
  return true;
}

void ProgramLink::drain() {
  std::vector<int> all;
  for (const auto& [fd, peer] : peers_) all.push_back(fd);
  for (const int fd : all) {
    // Who writes on all the same cannot hold this up.
    for (int i = 0; i < kMaxReads && on_ready(fd, EPOLLIN) == Read::some; ++i) {
    }
  }
}

ProgramLink::Read ProgramLink::on_ready(int fd, std::uint32_t events) {
  const auto found = peers_.find(fd);
  if (found == peers_.end()) return Read::closed;
  Peer& peer = *found->second;
  if ((events & EPOLLOUT) != 0) write(peer);
  const Read read_now = read(peer);
  auto taken = take_lines(peer);
  if (taken && read_now != Read::closed) return read_now;
  drop(fd, taken ? std::string() : taken.error().message);
  return Read::closed;
}

/// Not more than a line's worth at once: the loop comes back for the rest.
ProgramLink::Read ProgramLink::read(Peer& peer) {
  std::array<char, kReadAtOnce> buffer;
  while (peer.in.size() <= kMaxLine) {
    const ssize_t n = ::recv(peer.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) {
      peer.in.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      return Read::all;
    } else if (n == 0 || errno != EINTR) {
      return Read::closed;
    }
  }
  return Read::some;
}

Result<void> ProgramLink::take_lines(Peer& peer) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = peer.in.find('\n', begin)) != std::string::npos;) {
    const std::string_view line(peer.in.data() + begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (auto taken = take_line(peer, line); !taken) {
      return fail(fmt::format("{}: {:.80}", taken.error().message, line));
    }
  }
  peer.in.erase(0, begin);
  if (peer.in.size() > kMaxLine) return fail(fmt::format("a line over {} bytes", kMaxLine));
  return {};
}

Result<void> ProgramLink::take_line(Peer& peer, std::string_view line) {
  const auto said = loader::parse_bounded(line);
  if (!said) return fail(said.error().message);
  if (!said->is_object()) return fail("not a JSON object");
  if (const auto offers = said->find("offers"); offers != said->end()) {
    auto read = loader::read_commands(*offers);
    if (!read) return fail(read.error().message);
    peer.offers = std::move(*read);
    peer.offered = ++offered_;
    events_.offers();
    return {};
  }
  if (said->contains("call")) return take_answer(peer, *said);
  if (said->contains("metric")) return take_metric((*said)["metric"]);
  if (const auto progress = said->find("progress"); progress != said->end()) {
    try {
      events_.progress(progress->value("fraction", -1.0), progress->value("message", ""));
      return {};
    } catch (const json::exception&) {
      return fail("progress is {\"fraction\": number, \"message\": text}");
    }
  }
  return fail("neither offers, call, metric nor progress");
}

Result<void> ProgramLink::take_answer(Peer& peer, const json& line) {
  try {
    const auto call = line.at("call").get<std::uint64_t>();
    auto outcome = line.at("outcome").get<std::string>();
    const json value = line.value("value", json::object());
    if (outcome != "DONE" && outcome != "FAILED" && outcome != "UNSUPPORTED") {
      return fail("an outcome is DONE, FAILED or UNSUPPORTED");
    }
    if (!value.is_object()) return fail("a value is a JSON object");
    if (peer.calls.erase(call) == 0) return fail("the answer to a call that was not made");
    events_.answered(call, std::move(outcome), text_of(value));
    return {};
  } catch (const json::exception&) {
    return fail("an answer is {\"call\": number, \"outcome\": text, \"value\": {..}}");
  }
}

Result<void> ProgramLink::take_metric(const json& said) {
  try {
    protocol::Metric metric;
    metric.name = said.at("name").get<std::string>();
    metric.value = said.at("value").get<double>();
    metric.step = said.value("step", std::int64_t{0});
    metric.labels = said.value("labels", std::map<std::string, std::string>{});
    metric.logged = !said.value("sampled", false);
    events_.metric(std::move(metric));
    return {};
  } catch (const json::exception&) {
    return fail(
        "a metric is {\"name\": text, \"value\": number, \"step\": integer, \"labels\": {text: "
        "text}}");
  }
}

void ProgramLink::write(Peer& peer) {
  const int fd = peer.fd.get();
  while (!peer.out.empty()) {
    const ssize_t n = ::send(fd, peer.out.data(), peer.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      peer.out.erase(0, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      break;  // a closed socket is met when it is read
    }
  }
  loop_.change(fd, peer.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void ProgramLink::drop(int fd, const std::string& why) {
  const auto found = peers_.find(fd);
  if (found == peers_.end()) return;
  loop_.forget(fd);
  const std::unique_ptr<Peer> peer = std::move(found->second);
  peers_.erase(found);
  for (const std::uint64_t call : peer->calls) {
    auto failed = loader::command_failed("the program closed its connection before it answered");
    events_.answered(call, std::move(failed.outcome), std::move(failed.value));
  }
  if (!peer->offers.empty()) events_.offers();
  if (!why.empty()) events_.closed(why);
}

}  // namespace scanflow::worker
