// The Open Inference Protocol (v2) over HTTP: bodies of requests and answers, as JSON and with the
// binary tensor extension. Pure. Source: github.com/kserve/open-inference-protocol, and Triton's
// "Binary Tensor Data Extension" (protocol/extension_binary_data.md).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/infer/message.hpp"

namespace scanflow::infer {

/// The header that says how many bytes of a body are JSON; the rest are binary tensors.
inline constexpr const char* kHeaderLength = "Inference-Header-Content-Length";

inline constexpr std::size_t kMaxJson = std::size_t{16} << 20;  // bytes of JSON in one request

/// `json_bytes`: of the header above; none: all of it is JSON. Binary tensors are views of the body,
/// which they keep alive.
Answered<Request> read_request(std::string body, std::optional<std::size_t> json_bytes);

struct Body {
  std::string bytes;
  std::optional<std::size_t> json_bytes;  // with binary tensors: goes into the header above
  const char* content_type() const {
    return json_bytes ? "application/octet-stream" : "application/json";
  }
};
/// The outputs that the request wants, in its order. A problem where one is not there, or cannot be
/// written as JSON (FP16).
Answered<Body> write_answer(const std::string& model, const Request& request, const Answer& answer);

/// For whoever asks: a request for all outputs; `binary`: as binary tensors, both ways.
Answered<Body> write_request(std::span<const Tensor> inputs, bool binary);
/// The outputs of an answer, as read_request() reads inputs.
Answered<std::vector<Tensor>> read_answer(std::string body, std::optional<std::size_t> json_bytes);

/// {"error": message}
std::string error_body(const std::string& message);

}  // namespace scanflow::infer
