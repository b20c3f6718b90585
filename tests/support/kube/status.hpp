// What an API server answers, and its refusals: Status objects with the recorded words.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

class WatchStream;
class LogStream;

struct Answer {
  int status = 200;
  json body;
  std::string text = {};  // instead of the body, already written
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<WatchStream> watch = {};  // instead of both
  std::shared_ptr<LogStream> log = {};
  std::int64_t timeout_s = 0;  // of the watch; 0: none
};

/// Thrown by what looks into a request, caught where it is answered.
class Refusal : public std::exception {
 public:
  explicit Refusal(Answer answer);
  const char* what() const noexcept override { return message_.c_str(); }
  const Answer& answer() const { return answer_; }

 private:
  Answer answer_;
  std::string message_;
};

/// `details` null: none.
json status_of(int code, const std::string& reason, const std::string& message,
               json details = nullptr);

struct Cause {
  std::string reason, message, field;
};
json causes_of(const std::vector<Cause>& causes);

Refusal bad_request(const std::string& message);
Refusal unauthorized();
/// `why`: what follows "is forbidden: ".
Refusal forbidden(const Resource& resource, const std::string& name, const std::string& why,
                  const std::vector<Cause>& causes = {});
Refusal not_found(const Resource& resource, const std::string& name);
/// Of a path that is nothing's: text, as the server says it.
Refusal no_such_path();
Refusal method_not_allowed();
Refusal already_exists(const Resource& resource, const std::string& name);
/// `why`: what follows 'cannot be fulfilled on pods "x": '.
Refusal conflict(const Resource& resource, const std::string& name, const std::string& why);
Refusal modified(const Resource& resource, const std::string& name);
Refusal expired(const std::string& message, const std::string& go_on = "");
Refusal unsupported_media_type();
Refusal invalid(const Resource& resource, const std::string& name,
                const std::vector<Cause>& causes);
Refusal too_many(const std::string& message, int retry_after_s, json details = nullptr);
Refusal failed(int code, const std::string& reason, const std::string& message);

}  // namespace scanflow::test::kube
