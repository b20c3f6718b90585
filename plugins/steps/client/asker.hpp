// Asks a service by the Open Inference Protocol (v2, over HTTP), one request after the other. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace scanflow::client {

struct AskedTensors {
  std::string images = "images";  // FP32 [1, 1, 28, 28]
  std::string id;                 // INT64 [1]; empty: none is sent
  std::string digits = "digits";  // of the answer, INT64 [1]
};

struct Answered {
  long status = 0;  // of HTTP; 0: no answer
  int digit = -1;   // -1: none
  std::string problem;
  std::int64_t latency_us = 0;
};

class Asker {
 public:
  /// `url`: of a model, http://HOST:PORT/.../v2/models/NAME. Throws std::runtime_error where there is no client to be had.
  Asker(std::string url, AskedTensors tensors, double timeout_seconds);
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// The service is there, and takes requests.
  bool is_ready();
  /// `image`: 28 x 28 grey values.
  Answered ask(std::span<const std::uint8_t> image, std::int64_t id);

 private:
  Answered perform();

  const std::string url_;
  const AskedTensors tensors_;
  struct Curl;
  std::unique_ptr<Curl> curl_;
};

}  // namespace scanflow::client
