#include "engine/infer/endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/infer/protocol.hpp"
#include "sdk/base/whole_number.hpp"

namespace scanflow::infer {
namespace {

using nlohmann::json;

constexpr std::int64_t kExpiryUs = 10'000;  // how often those whose deadline is over are looked for
constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(24);

json specs_json(const std::vector<loader::TensorSpec>& specs, const std::string& prefix) {
  json list = json::array();
  for (const auto& spec : specs) {
    list.push_back({{"name", prefix + spec.name},
                    {"datatype", std::string(loader::datatype_name(spec.datatype))},
                    {"shape", spec.shape}});
  }
  return list;
}

void append(json& list, const json& more) {
  for (const json& row : more)
    if (std::find(list.begin(), list.end(), row) == list.end()) list.push_back(row);
}

/// What a path below /v2/models/NAME says.
struct Target {
  std::string version, verb;
};
std::optional<Target> target_of(const std::vector<std::string>& path) {
  Target target;
  std::size_t next = 3;  // v2, models, NAME
  if (path.size() > next && path[next] == "versions") {
    if (path.size() == next + 1) return std::nullopt;
    target.version = path[next + 1];
    next += 2;
  }
  if (path.size() > next) target.verb = path[next++];
  if (path.size() > next) return std::nullopt;
  return target;
}

}  // namespace

std::optional<std::chrono::milliseconds> timeout_in(std::string_view text) {
  const auto ms = whole_number<std::int64_t>(text);
  if (!ms || *ms <= 0 || *ms > kMaxTimeout.count()) return std::nullopt;
  return std::chrono::milliseconds(*ms);
}

http::Response refusal(int status, const std::string& message) {
  http::Response response;
  response.status = status;
  response.body = error_body(message);
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

bool Endpoints::handle(http::Request& request, const http::Reply& reply) {
  const auto& path = request.path;
  if (path.empty() || path[0] != "v2") return false;
  const auto not_found = [&] {
    reply(refusal(404, fmt::format("there is no {} {}", request.method, request.target)));
    return true;
  };
  const auto health = [&](const char* what, bool well) {
    reply(well ? http::respond(200, {{what, true}}) : refusal(503, "the service is not ready"));
    return true;
  };
  if (path.size() == 1) {
    reply(http::respond(200, {{"name", "scanflow"},
                              {"version", SCANFLOW_VERSION},
                              {"extensions", {"binary_tensor_data"}}}));
    return true;
  }
  if (path.size() == 3 && path[1] == "health" && path[2] == "live") {
    const Service* const served = service_;
    return health("live", served == nullptr || !served->stuck());
  }
  if (path.size() == 3 && path[1] == "health" && path[2] == "ready")
    return health("ready", ready());
  if (path.size() < 3 || path[1] != "models") return not_found();
  if (path[2] != name_) {
    reply(refusal(404, fmt::format("there is no model '{:.100}'; this is '{}'", path[2], name_)));
    return true;
  }
  auto target = target_of(path);
  if (!target) return not_found();
  Service* const service = service_;
  if (target->verb == "ready") return health("ready", ready());
  if (service == nullptr) {
    reply(refusal(503, "the service is not ready: its models are being loaded"));
  } else if (target->verb.empty() && request.method == "GET") {
    reply(describe(*service));
  } else if (target->verb != "infer") {
    return not_found();
  } else if (request.method != "POST") {
    reply(refusal(405, "an inference is asked for by POST"));
  } else {
    infer(*service, request, std::move(target->version), reply);
  }
  return true;
}

void Endpoints::infer(Service& service, http::Request& request, std::string version,
                      const http::Reply& reply) {
  if (const auto encoding = request.header("Content-Encoding");
      !encoding.empty() && encoding != "identity") {
    return reply(
        refusal(415, fmt::format("the body is encoded as '{:.40}'; send it as it is", encoding)));
  }
  std::optional<std::size_t> json_bytes;
  if (const auto text = request.header(kHeaderLength); !text.empty()) {
    json_bytes = whole_number<std::size_t>(text);
    if (!json_bytes)
      return reply(
          refusal(400, fmt::format("{} is '{:.40}', no number of bytes", kHeaderLength, text)));
  }
  Service::Ask ask;
  if (const auto text = request.header(kTimeoutHeader); !text.empty()) {
    const auto timeout = timeout_in(text);
    if (!timeout) {
      return reply(refusal(400, fmt::format("{} is '{:.40}', no number of milliseconds (at most a "
                                            "day)",
                                            kTimeoutHeader, text)));
    }
    ask.deadline_us = runner_.now_us() + std::chrono::microseconds(*timeout).count();
  }
  auto read = read_request(std::move(request.body), json_bytes);
  if (!read) return reply(refusal(read.error().status, read.error().message));
  ask.request = std::move(*read);
  ask.version = std::move(version);
  ask.then = [this, reply](const Request& asked, Answered<Answer> answer) {
    if (!answer) return reply(refusal(answer.error().status, answer.error().message));
    auto body = write_answer(name_, asked, *answer);
    if (!body) return reply(refusal(body.error().status, body.error().message));
    http::Response response;
    response.content_type = body->content_type();
    if (body->json_bytes)
      response.headers.emplace_back(kHeaderLength, std::to_string(*body->json_bytes));
    response.body = std::move(body->bytes);
    reply(std::move(response));
  };
  const std::int64_t deadline = ask.deadline_us;
  service.ask(std::move(ask));
  if (deadline != 0 && !expiring_.exchange(true)) expire_at(runner_.now_us() + kExpiryUs);
}

void Endpoints::expire_at(std::int64_t time_us) {
  runner_.at(time_us, [this] {
    Service& service = *service_;
    service.expire();
    expiring_ = false;
    if (service.requests() != 0 && !expiring_.exchange(true))
      expire_at(runner_.now_us() + kExpiryUs);
  });
}

http::Response Endpoints::describe(const Service& service) const {
  json inputs = json::array(), outputs = json::array(), versions = json::array();
  const Flow& flow = service.flow();
  std::size_t ends = 0;
  for (NodeIndex node = 0; node < flow.nodes().size(); ++node)
    if (flow.dependents(node).empty()) ++ends;
  for (NodeIndex node = 0; node < flow.nodes().size(); ++node) {
    const auto loaded = service.versions(node);
    const auto& signature = loaded.front().model->signature();
    const FlowNode& spec = flow.nodes()[node];
    if (flow.needs(node).empty()) append(inputs, specs_json(signature.inputs, ""));
    if (flow.dependents(node).empty())
      append(outputs, specs_json(signature.outputs, ends == 1 ? "" : spec.name + "."));
    if (spec.type != NodeType::model) continue;
    for (const Version& version : loaded) versions.push_back(version.share.version);
  }
  return http::respond(200, {{"name", name_},
                             {"versions", versions},
                             {"platform", "scanflow"},
                             {"inputs", inputs},
                             {"outputs", outputs}});
}

}  // namespace scanflow::infer
