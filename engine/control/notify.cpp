#include "engine/control/notify.hpp"

#include <fmt/format.h>

#include <chrono>

#include "engine/http/client.hpp"
#include "engine/http/url.hpp"
#include "engine/worker/run_program.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::seconds kNotifyWithin{30};
constexpr std::size_t kMostSaid = 2000;  // bytes of what a program or a web hook said

std::string said_of(const std::string& text) {
  return valid_utf8(std::string(cut_utf8(text, kMostSaid)));
}

json words_of(const Order& order) {
  return {{"message", order.action.args.at("message")},
          {"agent", order.agent},
          {"rule", order.rule},
          {"decision", order.decision}};
}

Outcome post_to(const std::string& address, const std::string& body, const std::stop_token& stop) {
  const auto url = http::parse_url(address);
  if (!url || url->tls)
    return Outcome::failed(
        fmt::format("'{}' is no address that can be told: http://HOST[:PORT]/...", address));
  auto client = http::Client::connect({url->host, url->port, nullptr, "", {}}, kNotifyWithin, stop);
  if (!client) return Outcome::failed(fmt::format("{}: {}", address, client.error().message));
  http::Outgoing out{"POST", url->path.empty() ? "/" : url->path};
  out.headers = {{"Host", url->host + ":" + url->port}, {"Content-Type", "application/json"}};
  out.body = body;
  out.patience = kNotifyWithin;
  const auto head = (*client)->ask(out, stop);
  if (!head) return Outcome::failed(fmt::format("{}: {}", address, head.error().message));
  if (head->status / 100 != 2)
    return Outcome::failed(fmt::format("{} answered with {}", address, head->status));
  return Outcome::done({{"status", head->status}});
}

}  // namespace

Outcome notify(const Order& order, const std::stop_token& stop) {
  const json& args = order.action.args;
  if (args.contains("webhook")) {
    Outcome told = post_to(args.at("webhook"), words_of(order).dump(), stop);
    if (told.outcome != "DONE" || !args.contains("program")) return told;
  }
  if (!args.contains("program"))
    return args.contains("webhook") ? Outcome::done()
                                    : Outcome::failed("it says neither webhook nor program");
  worker::Invocation command;
  command.argv = args.at("program").get<std::vector<std::string>>();
  command.input = words_of(order).dump() + "\n";
  command.deadline = kNotifyWithin;
  const auto ended = worker::run_program(command, stop);
  if (!ended) return Outcome::failed(valid_utf8(ended.error().message));
  if (ended->status != 0)
    return Outcome::failed(
        fmt::format("{} ended with {}: {}", command.argv[0], ended->status, said_of(ended->err)));
  return Outcome::done({{"said", said_of(ended->out)}});
}

}  // namespace scanflow::control
