// How a plugin says that it cannot go on. Texts are for people: what, where, why and the fix.
#pragma once

#include <exception>
#include <stdexcept>

namespace scanflow {
// Inline, so that a plugin's classes never share a symbol with a host's of the same name.
inline namespace sdk {

/// Will fail again when tried again: wrong configuration, bad data. The attempt fails.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller's request is at fault, not this plugin: what an inference throws for it.
class Invalid : public Error {
 public:
  using Error::Error;
};

/// May pass when tried again: a connection lost, a busy device. The step's retry policy decides.
class Retryable : public Error {
 public:
  using Error::Error;
};

/// The work ended because cancel was asked for.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace sdk
}  // namespace scanflow
