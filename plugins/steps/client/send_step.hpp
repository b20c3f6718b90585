// requests.send: a client of a service, which knows the truth.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>
#include <string>

#include "plugins/steps/client/asker.hpp"

namespace scanflow::client {

struct SendConfig {
  std::string url, images = "images", id, digits = "digits", truth;
  double rate = 100, timeout = 5, wait = 60;
  template <class V>
  void fields(V& f) {
    f("url", url).required().doc("of the model: http://HOST:PORT/.../v2/models/NAME");
    f("rate", rate)
        .above(0)
        .max(100'000)
        .doc(
            "requests a second; one after the other, so fewer "
            "where an answer takes longer");
    f("timeout", timeout).above(0).max(3600).doc("seconds, of one request");
    f("wait", wait).min(0).max(3600).doc("seconds until the service must be ready");
    f("images", images).doc("the tensor that takes the image");
    f("id", id).doc(
        "an INT64 tensor that takes the position in the dataset; without it none is "
        "sent");
    f("digits", digits).doc("the output that says which digit it is");
    f("truth", truth)
        .doc(
            "a directory that gets the dataset before anything is sent: whoever labels "
            "what was asked reads it there");
  }
};

class SendRequests : public Step {
 public:
  using Config = SendConfig;
  static Description describe();
  explicit SendRequests(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  void wait_until_ready(Context& context, Asker& asker) const;

  const Config config_;
};

}  // namespace scanflow::client
