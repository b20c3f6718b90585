#include "tests/unit/plugins_report/sample.hpp"

#include <cmath>
#include <fstream>

#include "plugins/common/digit_set.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;

constexpr std::int64_t kStart = 1795449207000000;  // 2026-11-23 15:53:27 UTC

json step(const char* name, const char* base, const char* uses, std::vector<std::string> needs,
          double from, double to) {
  return {{"name", name},
          {"step", base},
          {"uses", uses},
          {"phase", "main"},
          {"needs", needs},
          {"status", "succeeded"},
          {"attempts", 1},
          {"started_us", kStart + static_cast<std::int64_t>(from * 1e6)},
          {"ended_us", kStart + static_cast<std::int64_t>(to * 1e6)},
          {"seconds", to - from},
          {"summary", ""},
          {"outputs", json::object()},
          {"artifacts", json::object()},
          {"error", nullptr}};
}

json artifact(const char* path, char digit, int bytes, bool directory) {
  return {{"path", path},
          {"sha256", std::string(64, digit)},
          {"bytes", bytes},
          {"directory", directory}};
}

json curve(const char* step_name, const char* metric, const char* set,
           const std::vector<double>& values) {
  json points = json::array();
  for (std::size_t i = 0; i < values.size(); ++i) points.push_back({i + 1, values[i], kStart});
  json labels = json::object();
  if (*set != '\0') labels["set"] = set;
  return {{"step", step_name},
          {"attempt", 1},
          {"name", metric},
          {"labels", labels},
          {"points", points}};
}

json confusion() {
  json matrix = json::array();
  for (int r = 0; r < 10; ++r) {
    matrix.push_back(json::array());
    for (int c = 0; c < 10; ++c) {
      const int miss = (r * 7 + c * 3) % 11 == 0 ? 1 + (r + c) % 4 : 0;
      matrix.back().push_back(r == c ? 190 + r : miss);
    }
  }
  return matrix;
}

}  // namespace

json succeeded_run() {
  json load = step("load-data", "load-data", "mnist.load", {}, 0.1, 0.5);
  load["summary"] = "10,000 digits (7,200 / 800 / 2,000)";
  load["artifacts"] = {{"train", artifact("/state/artifacts/1a", '1', 5652016, true)},
                       {"test", artifact("/state/artifacts/2b", '2', 1570016, true)}};
  json cnn1 = step("train[model=cnn1]", "train", "torch.train", {"load-data"}, 0.6, 12.4);
  cnn1["outputs"] = {{"accuracy", 0.978}, {"validation_accuracy", 0.97125}, {"loss", 0.0931}};
  cnn1["summary"] = "validation accuracy 0.9712 after 5 epochs";
  cnn1["artifacts"] = {{"model", artifact("/state/artifacts/3c", '3', 86240, false)}};
  json cnn2 = step("train[model=cnn2]", "train", "torch.train", {"load-data"}, 0.6, 19.8);
  cnn2["outputs"] = {{"accuracy", 0.991}, {"validation_accuracy", 0.985}, {"loss", 0.0482}};
  cnn2["summary"] = "validation accuracy 0.9850 after 5 epochs";
  cnn2["artifacts"] = {{"model", artifact("/state/artifacts/4d", '4', 1640240, false)}};
  json evaluate = step("evaluate", "evaluate", "torch.evaluate",
                       {"load-data", "train[model=cnn1]", "train[model=cnn2]"}, 19.9, 21.2);
  evaluate["outputs"] = {
      {"accuracy", 0.981}, {"misclassified", 38}, {"count", 2000}, {"confusion", confusion()}};
  evaluate["summary"] = "accuracy 0.9810 on 2,000 digits";
  evaluate["artifacts"] = {{"misclassified", artifact("/nowhere", '5', 29832, true)}};
  json reg = step("register", "register", "model.register", {"evaluate"}, 21.3, 21.35);
  reg["outputs"] = {{"name", "mnist_cnn"}, {"version", 3}};
  reg["summary"] = "registered mnist_cnn version 3";
  json report = step("report", "report", "report.html", {}, 21.4, 21.4);
  report["phase"] = "on_exit";
  report["status"] = "running";
  report["ended_us"] = 0;
  return {
      {"run", "0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77"},
      {"pipeline", "mnist-train"},
      {"namespace", "mnist-datascience"},
      {"status", "running"},
      {"backend", "local"},
      {"started_us", kStart},
      {"now_us", kStart + 21450000},
      {"params", {{"epochs", 5}, {"data", "auto"}, {"learning_rate", 0.01}, {"seed", 42}}},
      {"steps", {load, cnn1, cnn2, evaluate, reg, report}},
      {"metrics",
       {curve("train[model=cnn1]", "loss", "train", {0.912, 0.341, 0.187, 0.123, 0.0931}),
        curve("train[model=cnn1]", "loss", "validation", {0.402, 0.231, 0.157, 0.129, 0.1131}),
        curve("train[model=cnn2]", "loss", "train", {0.623, 0.189, 0.102, 0.067, 0.0482}),
        curve("train[model=cnn2]", "loss", "validation", {0.281, 0.149, 0.096, 0.077, 0.0682}),
        curve("train[model=cnn1]", "accuracy", "train", {0.861, 0.928, 0.951, 0.966, 0.978}),
        curve("train[model=cnn1]", "accuracy", "validation", {0.881, 0.932, 0.955, 0.963, 0.97125}),
        curve("train[model=cnn2]", "accuracy", "train", {0.921, 0.962, 0.974, 0.985, 0.991}),
        curve("train[model=cnn2]", "accuracy", "validation", {0.932, 0.961, 0.973, 0.979, 0.985}),
        curve("evaluate", "accuracy", "test", {0.981})}},
      {"models",
       {{{"name", "mnist_cnn"},
         {"version", 3},
         {"sha256", std::string(64, '4')},
         {"step", "register"}}}}};
}

json failed_run() {
  json run = succeeded_run();
  json& cnn2 = run["steps"][2];
  cnn2["status"] = "failed";
  cnn2["attempts"] = 2;
  cnn2["outputs"] = json::object();
  cnn2["artifacts"] = json::object();
  cnn2["summary"] = "";
  cnn2["error"] = {
      {"cause", "oom"},
      {"message", "out of memory: the limit of 512 MiB was reached after 41 s; SIGKILL"},
      {"last_lines", {"epoch 3 loss 0.102", "epoch 4 ... batch 118 / 225"}}};
  for (const int i : {3, 4}) {
    json& never = run["steps"][static_cast<std::size_t>(i)];
    never.update({{"status", "cancelled"},
                  {"attempts", 0},
                  {"started_us", 0},
                  {"ended_us", 0},
                  {"seconds", 0},
                  {"summary", ""},
                  {"outputs", json::object()},
                  {"artifacts", json::object()},
                  {"error", {{"cause", "upstream"}, {"message", "train[model=cnn2] failed"}}}});
  }
  run["models"] = json::array();
  run["metrics"].erase(8);  // evaluate never measured
  return run;
}

void write_misclassified(const std::filesystem::path& directory, std::size_t count) {
  data::DigitSet digits;
  json predictions = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::uint8_t> image(data::kPixels, 0);
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        // A ring whose shape changes with the index.
        const double dx = (x - 13.5) / (5.0 + static_cast<double>(i % 5)), dy = (y - 13.5) / 9.0;
        const double distance = std::abs(std::sqrt(dx * dx + dy * dy) - 0.9);
        if (distance < 0.25) {
          image[static_cast<std::size_t>(y * 28 + x)] =
              static_cast<std::uint8_t>(255 * (1 - distance / 0.25));
        }
      }
    }
    const auto label = static_cast<std::uint8_t>(i % 10);
    digits.add(image, label);
    predictions.push_back({{"index", i * 17},
                           {"label", label},
                           {"prediction", (label + 5) % 10},
                           {"confidence", 0.4 + 0.5 * static_cast<double>(i) / double(count)}});
  }
  std::filesystem::create_directories(directory);
  data::write_dataset(directory, digits);
  std::ofstream(directory / "predictions.json") << predictions.dump();
}

}  // namespace scanflow::report
