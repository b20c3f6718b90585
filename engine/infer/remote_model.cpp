#include "engine/infer/remote_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "engine/http/client.hpp"
#include "engine/http/url.hpp"
#include "engine/infer/protocol.hpp"
#include "sdk/base/whole_number.hpp"

namespace scanflow::infer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// It may load for long; whoever has started this process may end it before.
constexpr std::chrono::minutes kReadyWithin{10};
constexpr milliseconds kTryAgain{200};
constexpr milliseconds kPatience{5000};  // for a connection, and for what is said of the model
constexpr std::size_t kMostMetadata = 1u << 20, kMostAnswer = 256u << 20;  // bytes

struct Said {
  http::Head head;
  std::string body;
  bool ok() const { return head.status == 200; }
};

/// The protocol's {"error": ...}, or what there is.
std::string error_of(const Said& said) {
  const json body = json::parse(said.body, nullptr, false);
  const std::string text = body.is_object() && body.contains("error") && body["error"].is_string()
                               ? body["error"].get<std::string>()
                               : said.body.substr(0, 200);
  return fmt::format("it answers {}{}{}", said.head.status, text.empty() ? "" : ": ", text);
}

/// Is dimension 0 of each a count of rows?
bool counts_rows(const std::vector<loader::TensorSpec>& tensors) {
  return !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), [](const auto& tensor) {
    return !tensor.shape.empty() && tensor.shape[0] == -1;
  });
}

class RemoteModel : public Model {
 public:
  RemoteModel(http::Peer peer, std::string target, milliseconds timeout)
      : peer_(std::move(peer)), target_(std::move(target)), timeout_(timeout) {}

  Result<void> load() {
    if (auto ready = wait_ready(); !ready) return ready;
    const std::string server = target_.substr(0, target_.rfind("/models/"));
    const auto of_server = ask({"GET", server, {}, "", kPatience}, kMostMetadata);
    if (of_server && of_server->ok()) {
      const json said = json::parse(of_server->body, nullptr, false);
      const json extensions = said.is_object() ? said.value("extensions", json()) : json();
      binary_ =
          std::find(extensions.begin(), extensions.end(), "binary_tensor_data") != extensions.end();
    }
    const auto of_model = ask({"GET", target_, {}, "", kPatience}, kMostMetadata);
    if (!of_model) return fail(of_model.error().message);
    if (!of_model->ok()) return fail(error_of(*of_model));
    return take_signature(of_model->body);
  }

  const loader::Signature& signature() const override { return signature_; }
  bool waits() const override { return true; }

  loader::InferOutcome infer(std::span<const Tensor> inputs) override {
    auto body = write_request(inputs, binary_);
    if (!body) return failed(SCANFLOW_FAILED, body.error().message);
    http::Outgoing out{"POST", target_ + "/infer", {}, std::move(body->bytes), timeout_};
    out.headers = {{"Content-Type", body->content_type()}};
    if (body->json_bytes)
      out.headers.emplace_back(kHeaderLength, std::to_string(*body->json_bytes));
    auto said = ask(std::move(out), kMostAnswer);
    if (!said) return failed(SCANFLOW_RETRYABLE, said.error().message);
    if (!said->ok()) {
      const int status = said->head.status;
      const bool later = status == 429 || status == 503 || status == 504;
      return failed(later           ? SCANFLOW_RETRYABLE
                    : status == 400 ? SCANFLOW_INVALID
                                    : SCANFLOW_FAILED,
                    error_of(*said));
    }
    std::string length = said->head.header("inference-header-content-length");
    const auto json_bytes =
        length.empty() ? std::nullopt : whole_number<std::size_t>(std::string_view(length));
    auto outputs = read_answer(std::move(said->body), json_bytes);
    if (!outputs)
      return failed(SCANFLOW_FAILED, "its answer cannot be read: " + outputs.error().message);
    loader::InferOutcome outcome;
    outcome.tensors = std::move(*outputs);
    return outcome;
  }

 private:
  static loader::InferOutcome failed(std::int32_t status, std::string why) {
    loader::InferOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(why);
    return outcome;
  }

  Result<void> wait_ready() {
    const auto until = steady_clock::now() + kReadyWithin;
    while (true) {
      const auto said = ask({"GET", target_ + "/ready", {}, "", kPatience}, kMostMetadata);
      if (said && said->ok()) return {};
      if (steady_clock::now() >= until)
        return fail("it is not ready: " + (said ? error_of(*said) : said.error().message));
      std::this_thread::sleep_for(kTryAgain);
    }
  }

  Result<void> take_signature(const std::string& text) {
    const json said = json::parse(text, nullptr, false);
    if (!said.is_object()) return fail("what it says of its model is no JSON object");
    auto parsed = loader::parse_signature(json{{"inputs", said.value("inputs", json::array())},
                                               {"outputs", said.value("outputs", json::array())}}
                                              .dump());
    if (!parsed) return fail("what it says of its model cannot be used: " + parsed.error().message);
    signature_ = std::move(*parsed);
    signature_.batchable = counts_rows(signature_.inputs) && counts_rows(signature_.outputs);
    return {};
  }

  /// On a connection that stays; on a new one where the server has closed it meanwhile.
  Result<Said> ask(http::Outgoing out, std::size_t most_bytes) {
    const auto until = steady_clock::now() + out.patience;
    while (true) {
      out.patience = left_until(until);
      const bool fresh = !client_ || !client_->reusable();
      if (fresh) {
        auto client = http::Client::connect(peer_, std::min(kPatience, left_until(until)));
        if (!client) return fail("cannot connect: " + client.error().message);
        client_ = std::move(*client);
      }
      Said said;
      auto head = client_->ask(out);
      if (head) {
        said.head = std::move(*head);
        const auto read = read_body(said.body, most_bytes, until);
        if (read) return said;
        head = tl::unexpected(read.error());
      }
      client_.reset();
      // Nothing is changed by an inference: it may be asked for twice.
      if (fresh || head.error().why != http::NoAnswer::Why::closed)
        return fail("it does not answer: " + head.error().message);
    }
  }

  static milliseconds left_until(steady_clock::time_point until) {
    return std::max(milliseconds(1),
                    std::chrono::duration_cast<milliseconds>(until - steady_clock::now()));
  }
  http::Answered<void> read_body(std::string& body, std::size_t most_bytes,
                                 steady_clock::time_point until) {
    while (true) {
      auto piece = client_->next({}, left_until(until));
      if (!piece) return tl::unexpected(piece.error());
      if (piece->empty()) return {};
      body += *piece;
      const char* const wrong = body.size() > most_bytes       ? "its answer is too long"
                                : steady_clock::now() >= until ? "it is too slow"
                                                               : nullptr;
      if (wrong != nullptr)
        return tl::unexpected(http::NoAnswer{http::NoAnswer::Why::silent, wrong, true});
    }
  }

  const http::Peer peer_;
  const std::string target_;
  const milliseconds timeout_;
  bool binary_ = false;
  loader::Signature signature_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace

Result<std::shared_ptr<Model>> connect_remote(const NodeDocument& node) {
  const auto failed = [&](const std::string& why) {
    return fail(
        fmt::format("the node '{}', served at {}: {}", node.node.name, node.remote->url, why));
  };
  const auto url = http::parse_url(node.remote->url);
  if (!url || url->tls || url->path.find("/v2/models/") == std::string::npos)
    return failed("this is no http://HOST:PORT/v2/models/NAME");
  auto model = std::make_shared<RemoteModel>(
      http::Peer{url->host, url->port, nullptr, "", {}}, url->path,
      milliseconds(std::max<std::int64_t>(1, node.remote->timeout_us / 1000)));
  if (auto loaded = model->load(); !loaded) return failed(loaded.error().message);
  return model;
}

}  // namespace scanflow::infer
