#include <charconv>
#include <deque>
#include <nlohmann/json.hpp>

#include "engine/infer/endpoints.hpp"
#include "engine/infer/protocol.hpp"
#include "tests/fuzz/properties.hpp"

namespace scanflow::fuzz {
namespace {

using nlohmann::json;

/// Gives back what came.
class MirrorModel : public infer::Model {
 public:
  const loader::Signature& signature() const override { return signature_; }
  loader::InferOutcome infer(std::span<const loader::Tensor> inputs) override {
    for (const auto& tensor : inputs)
      must(loader::check_bytes(tensor).has_value(), "a tensor has the bytes of its shape");
    loader::InferOutcome outcome;
    outcome.tensors.assign(inputs.begin(), inputs.end());
    return outcome;
  }

 private:
  loader::Signature signature_;
};

class Inline : public infer::Runner {
 public:
  void post(std::function<void()> work) override { works_.push_back(std::move(work)); }
  void apart(std::function<void()> work) override { post(std::move(work)); }
  void at(std::int64_t, std::function<void()>) override {}
  std::int64_t now_us() const override { return 1; }
  void run() {
    while (!works_.empty()) {
      const auto work = std::move(works_.front());
      works_.pop_front();
      work();
    }
  }

 private:
  std::deque<std::function<void()>> works_;
};

}  // namespace

void inference(std::string_view input) {
  http::Request request;
  request.method = "POST";
  request.path = {"v2", "models", "m", "infer"};
  const auto line = input.find('\n');
  std::size_t size = 0;
  if (line != std::string_view::npos) {
    const auto [end, problem] = std::from_chars(input.data(), input.data() + line, size);
    if (problem == std::errc() && end == input.data() + line) {
      request.headers.emplace_back(infer::kHeaderLength, std::string(input.substr(0, line)));
      input.remove_prefix(line + 1);
    }
  }
  request.body = input;
  Inline runner;
  infer::Service service(*infer::Flow::make({{"m", infer::NodeType::model, {}}}),
                         {{{{"1", 1, false}, std::make_shared<MirrorModel>()}}}, {}, runner);
  infer::Endpoints endpoints("m", runner);
  endpoints.serve(service);
  int answers = 0;
  http::Response answer;
  endpoints.handle(request, [&](http::Response given) {
    ++answers;
    answer = std::move(given);
  });
  runner.run();
  must(answers == 1, "it is answered once");
  must(answer.status == 200 || (answer.status >= 400 && answer.status < 500),
       "what is wrong is the client's");
  if (answer.status == 200) return;
  const json said = json::parse(answer.body);
  must(said.at("error").is_string(), "the reason is told");
}

}  // namespace scanflow::fuzz
