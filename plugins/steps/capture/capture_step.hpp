// requests.capture: keeps what a service is asked, online.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <scanflow/step.hpp>
#include <string>
#include <vector>

#include "plugins/steps/capture/capture_file.hpp"

namespace scanflow::capture {

struct CaptureConfig {
  std::string path = "auto";
  nlohmann::json tensors = nlohmann::json::array();
  std::string id;
  double share = 1;
  std::int64_t keep_mb = 256;
  template <class V>
  void fields(V& f) {
    f("path", path).doc("directory; auto: that of the variable SCANFLOW_CAPTURE");
    f("tensors", tensors)
        .required()
        .doc(
            "what it takes, and hands on: [{name: images, datatype: FP32, shape: [1, 28, 28]}], "
            "shapes of one row");
    f("id", id).doc(
        "an INT64 tensor more, one number a row, which tells rows apart: kept, not "
        "handed on");
    f("share", share).min(0).max(1).doc("of the calls that are kept");
    f("keep_mb", keep_mb).min(1).max(1'000'000).doc("MiB in the directory: the oldest go");
  }
};

class Capture : public Step, public Inference {
 public:
  using Config = CaptureConfig;
  static Description describe();
  explicit Capture(Config config);
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  bool is_kept();

  const Config config_;
  std::vector<TensorSpec> specs_;  // of what is handed on, with -1 in front
  std::unique_ptr<Writer> writer_;
  double due_ = 0;        // of the next call's share
  bool failing_ = false;  // the last one could not be written
};

/// "auto": that of SCANFLOW_CAPTURE. Throws Error where it is to say so, and does not.
std::filesystem::path directory_of(const std::string& path);

}  // namespace scanflow::capture
