#include "plugins/steps/client/asker.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace scanflow::client {
namespace {

using nlohmann::json;

constexpr std::size_t kMostAnswer = 1u << 20;  // bytes

std::size_t take_answer(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  if (answer.size() + size * count > kMostAnswer) return 0;
  answer.append(bytes, size * count);
  return size * count;
}

json tensor_of(const std::string& name, const char* datatype, const json& shape,
               std::size_t bytes) {
  return {{"name", name},
          {"datatype", datatype},
          {"shape", shape},
          {"parameters", {{"binary_data_size", bytes}}}};
}

/// The first value of the output of that name; -1: there is none.
int digit_in(const std::string& text, const std::string& name) {
  const json answer = json::parse(text, nullptr, false);
  if (!answer.is_object()) return -1;
  for (const json& output : answer.value("outputs", json::array())) {
    if (!output.is_object() || output.value("name", json()) != name) continue;
    const json data = output.value("data", json::array());
    if (data.is_array() && !data.empty() && data[0].is_number_integer()) return data[0];
  }
  return -1;
}

std::string error_in(const std::string& text) {
  const json answer = json::parse(text, nullptr, false);
  const json said = answer.is_object() ? answer.value("error", json()) : json();
  return said.is_string() ? said.get<std::string>() : text.substr(0, 200);
}

}  // namespace

struct Asker::Curl {
  CURL* handle = curl_easy_init();
  curl_slist* headers = nullptr;
  std::string answer, body;
  ~Curl() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
};

Asker::Asker(std::string url, AskedTensors tensors, double timeout_seconds)
    : url_(std::move(url)), tensors_(std::move(tensors)), curl_(std::make_unique<Curl>()) {
  CURL* const curl = curl_->handle;
  if (curl == nullptr) throw std::runtime_error("libcurl cannot be used here");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_seconds * 1000));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &curl_->answer);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // a service is asked by itself
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
}

Asker::~Asker() = default;

Answered Asker::perform() {
  using Clock = std::chrono::steady_clock;
  curl_->answer.clear();
  const auto begun = Clock::now();
  const CURLcode code = curl_easy_perform(curl_->handle);
  Answered answered;
  answered.latency_us =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun).count();
  if (code != CURLE_OK) {
    answered.problem = curl_easy_strerror(code);
    return answered;
  }
  curl_easy_getinfo(curl_->handle, CURLINFO_RESPONSE_CODE, &answered.status);
  if (answered.status != 200)
    answered.problem = fmt::format("{}: {}", answered.status, error_in(curl_->answer));
  return answered;
}

bool Asker::is_ready() {
  curl_easy_setopt(curl_->handle, CURLOPT_URL, (url_ + "/ready").c_str());
  curl_easy_setopt(curl_->handle, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(curl_->handle, CURLOPT_HTTPHEADER, nullptr);
  return perform().status == 200;
}

Answered Asker::ask(std::span<const std::uint8_t> image, std::int64_t id) {
  const std::vector<float> grey(image.begin(), image.end());
  const std::size_t bytes = grey.size() * sizeof(float);
  json inputs = json::array({tensor_of(tensors_.images, "FP32", {1, 1, 28, 28}, bytes)});
  if (!tensors_.id.empty())
    inputs.push_back(tensor_of(tensors_.id, "INT64", json::array({1}), sizeof id));
  const std::string header = json{{"inputs", inputs}}.dump();
  curl_->body = header;
  curl_->body.append(reinterpret_cast<const char*>(grey.data()), bytes);
  if (!tensors_.id.empty()) curl_->body.append(reinterpret_cast<const char*>(&id), sizeof id);
  curl_slist_free_all(curl_->headers);
  curl_->headers = curl_slist_append(nullptr, "Content-Type: application/octet-stream");
  curl_->headers = curl_slist_append(
      curl_->headers, fmt::format("Inference-Header-Content-Length: {}", header.size()).c_str());
  curl_->headers = curl_slist_append(curl_->headers, "Expect:");
  CURL* const curl = curl_->handle;
  curl_easy_setopt(curl, CURLOPT_URL, (url_ + "/infer").c_str());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, curl_->body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(curl_->body.size()));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, curl_->headers);
  Answered answered = perform();
  if (answered.status == 200) answered.digit = digit_in(curl_->answer, tensors_.digits);
  return answered;
}

}  // namespace scanflow::client
