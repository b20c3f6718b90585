// One inference: what is asked, and what is answered. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "sdk/loader/tensor.hpp"

namespace scanflow::infer {

using loader::Shape;
using loader::Tensor;

/// An output that a client asks for by name.
struct Wanted {
  std::string name;
  bool binary = false;
};

struct Request {
  std::string id;  // the client's own; comes back
  std::vector<Tensor> inputs;
  std::vector<Wanted> outputs;  // empty: all
  bool binary = false;          // all of them as binary tensors
};

struct Answer {
  std::vector<Tensor> outputs;
  std::map<std::string, std::string> versions;  // MODEL node -> the version that answered
};

/// Why there is no answer, as HTTP tells it.
struct Problem {
  int status = 500;
  std::string message;  // what, where, why, and the fix
};
template <class T>
using Answered = tl::expected<T, Problem>;

inline tl::unexpected<Problem> refuse(int status, std::string message) {
  return tl::unexpected<Problem>(Problem{status, std::move(message)});
}

}  // namespace scanflow::infer
