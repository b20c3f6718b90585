// requests.captured: what a service was asked, as a dataset.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>
#include <string>

namespace scanflow::capture {

struct CapturedConfig {
  std::string path = "auto", tensor = "images", id;
  std::int64_t since_us = 0, until_us = 0, newest = 0;
  template <class V>
  void fields(V& f) {
    f("path", path).doc("directory of requests.capture; auto: that of SCANFLOW_CAPTURE");
    f("tensor", tensor).doc("that holds the images: grey values 0 to 255 of 28 x 28 pixels");
    f("id", id).doc("the tensor that tells rows apart; without it there are no ids");
    f("since_us", since_us).min(0).doc("rows after this time, in microseconds since 1970 UTC");
    f("until_us", until_us).min(0).doc("and not after this one; 0: until now");
    f("newest", newest).min(0).doc("of those the newest, at most; 0: all");
  }
};

class CapturedRequests : public Step {
 public:
  using Config = CapturedConfig;
  static Description describe();
  explicit CapturedRequests(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  const Config config_;
};

}  // namespace scanflow::capture
