// What must hold for any bytes whatever. Each takes one input and throws Broken, with what is broken,
// where it does not; whoever fuzzes (target.cpp) and the plain test (replay_test.cpp) call the same.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scanflow::fuzz {

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void must(bool holds, const char* what) {
  if (!holds) throw Broken(what);
}

/// The input is a message: what decodes is the same after it was written and read again, and takes no
/// more memory than its bytes times a constant.
void decode(std::string_view input);
/// The input is what arrives at a socket, cut anywhere: the same messages come of it as in one piece.
void stream(std::string_view input);
/// The input is a script (script.hpp) of what happens to a sidecar's session, and to a hub.
void session(std::string_view input);
void core(std::string_view input);
/// The input is what is posted to the webhook: it is refused, or answered with a patch that fits and
/// is complete.
void review(std::string_view input);
/// The input is the body of an inference request, after "N\n" with N bytes of JSON before binary tensors:
/// it is answered once, with what was asked, or refused with the reason as the protocol has it.
void inference(std::string_view input);
/// The input is what a client sends to the HTTP server: it is answered as HTTP, or not at all, and the next
/// client is served.
void connection(std::string_view input);

inline const std::map<std::string, std::function<void(std::string_view)>>& properties() {
  static const std::map<std::string, std::function<void(std::string_view)>> all = {
      {"decode", decode}, {"stream", stream},       {"session", session},      {"core", core},
      {"review", review}, {"inference", inference}, {"connection", connection}};
  return all;
}

}  // namespace scanflow::fuzz
