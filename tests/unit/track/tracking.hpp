// A tracker over a store of its own, whose clock stands still and whose ids are counted.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "engine/track/tracker.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::track {

class Tracking : public testing::Test {
 protected:
  Tracking() {
    auto opened = store::Store::open(directory_.path(), store::Durability::process);
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = std::move(*opened);
    tracker_ = std::make_unique<Tracker>(
        *store_, Tracker::Means{[this] { return now_ms_; },
                                [this] { return fmt::format("{:032x}", ++ids_); }, &artifacts_});
  }

  Answer<json> answer(const std::string& path, const json& request) {
    for (const Endpoint& each : endpoints()) {
      if (each.path != path) continue;
      const auto text = tracker_->run(*each.call, request);
      return text ? Answer<json>(json::parse(*text)) : tl::unexpected(text.error());
    }
    throw std::invalid_argument("there is no " + path);
  }
  /// What is answered; a problem fails the test.
  json ok(const std::string& path, const json& request) {
    auto answered = answer(path, request);
    EXPECT_TRUE(answered) << path << ' ' << request << ": " << answered.error().message;
    return answered ? *answered : json();
  }
  /// "CODE: what it says"
  std::string problem(const std::string& path, const json& request) {
    const auto answered = answer(path, request);
    return answered
               ? "answered: " + answered->dump()
               : fmt::format("{}: {}", name_of(answered.error().code), answered.error().message);
  }

  std::string experiment(const std::string& name) {
    return ok("experiments/create", {{"name", name}}).at("experiment_id");
  }
  /// The id of a run that begins now.
  std::string run(const std::string& experiment, const std::string& name = "") {
    json request = {{"experiment_id", experiment}, {"user_id", "me"}, {"start_time", now_ms_}};
    if (!name.empty()) request["run_name"] = name;
    return ok("runs/create", request).at("run").at("info").at("run_id");
  }
  void log(const std::string& run, const std::string& key, const json& value,
           std::int64_t step = 0) {
    ok("runs/log-metric",
       {{"run_id", run}, {"key", key}, {"value", value}, {"timestamp", now_ms_}, {"step", step}});
  }

  test::TempDir directory_;
  store::Artifacts artifacts_{directory_ / "artifacts"};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Tracker> tracker_;
  std::int64_t now_ms_ = 1'000;
  int ids_ = 0;
};

}  // namespace scanflow::track
