#include "plugins/steps/report/trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <tuple>

#include "plugins/common/idx.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kLately = 500;  // requests

/// The usual one first, then what is worse.
std::size_t rank_of(const std::string& scenario) {
  constexpr std::array kScenarios = {"sudden", "gradual", "recurring", "late", "poisoned", "clean"};
  return static_cast<std::size_t>(std::find(kScenarios.begin(), kScenarios.end(), scenario) -
                                  kScenarios.begin());
}

json read_json(const fs::path& file) {
  std::ifstream in(file);
  json document = json::parse(in, nullptr, false);
  if (!document.is_object())
    throw std::runtime_error(file.string() + ": is no JSON object, or not there");
  return document;
}

/// The number of the first request that was sent at that time or after it.
double request_at(const std::vector<std::int64_t>& sent_us, std::int64_t since_begin_us) {
  const auto next = std::lower_bound(sent_us.begin(), sent_us.end(), since_begin_us);
  return static_cast<double>(next - sent_us.begin());
}

bool ends_with_name(const json& text, std::string_view name) {
  return text.is_string() && text.get_ref<const std::string&>().ends_with(name);
}

std::optional<TrialEvent::Kind> kind_of(const json& action) {
  const std::string primitive = action.value("primitive", "");
  const json args = action.value("args", json::object());
  using Kind = TrialEvent::Kind;
  if (action.value("outcome", json()) != "DONE") return std::nullopt;
  if (primitive == "emit" && args.value("type", "") == "data.drifted") return Kind::detected;
  if (primitive == "emit" && args.value("type", "") == "promotion.refused") return Kind::refused;
  if (primitive == "run_pipeline" &&
      ends_with_name(args.value("pipeline", json()), "mnist-retrain"))
    return Kind::retraining;
  const bool is_first = args.value("version", json()) == "1" || args.value("version", json()) == 1;
  if (primitive == "promote_model" && args.value("name", "") == "mnist_cnn" && !is_first)
    return Kind::promoted;
  return std::nullopt;
}

void take_decisions(Trial& trial, const json& decisions) {
  for (const json& each : decisions.at("decisions")) {
    for (const json& action : each.at("actions")) {
      const auto kind = kind_of(action);
      if (!kind) continue;
      const bool at_its_end = *kind == TrialEvent::Kind::promoted;
      trial.events.push_back({*kind, each.at(at_its_end ? "ended_us" : "time_us"), 0});
    }
    // What the retraining says of itself, told to whoever decides about its candidate.
    const json payload = each.at("evidence").value("payload", json::object());
    const json outputs = payload.value("outputs", json::object());
    if (!payload.is_object() || payload.value("name", "") != "mnist-retrain") continue;
    if (!outputs.contains("labels")) continue;
    trial.labels += outputs.at("labels").get<std::int64_t>();
    trial.cost += outputs.value("cost", 0.0);
    trial.train_seconds += outputs.value("train_seconds", 0.0);
  }
}

void take_figures(Trial& trial, const json& figures) {
  trial.name = figures.at("name");
  trial.scenario = figures.at("scenario");
  trial.seed = figures.at("seed");
  trial.failed = figures.at("failed");
  trial.p99_ms = figures.at("p99_ms");
  const json& who = figures.at("who");
  const json& accuracies = figures.at("accuracy");
  for (std::size_t i = 0; i < who.size(); ++i) {
    auto& of = trial.finals[who[i].at("who").get<std::string>()];
    (who[i].at("digits") == "clean" ? of.first : of.second) = accuracies.at(i);
  }
  const json& begins = figures.at("begins");
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::size_t from = begins[i].at("at");
    const std::size_t to =
        i + 1 < begins.size() ? begins[i + 1].at("at").get<std::size_t>() : trial.corrupted.size();
    for (std::size_t k = from; k < to; ++k) trial.corrupted.at(k) = begins[i].at("corrupted");
  }
}

Trial read_trial(const fs::path& directory) {
  Trial trial;
  const json answers = read_json(directory / "answers.json");
  const std::vector<std::int64_t> sent_us = answers.at("sent_us");
  const std::vector<int> digits = answers.at("digits"), labels = answers.at("labels");
  const auto nothing = data::read_idx(directory / "nothing-idx1-ubyte", 1).bytes;
  if (digits.size() != labels.size() || nothing.size() != labels.size())
    throw std::runtime_error(directory.string() + ": answers and labels differ in number");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    trial.right.push_back(digits[i] == labels[i]);
    trial.right_of_nothing.push_back(nothing[i] == labels[i]);
  }
  trial.corrupted.resize(labels.size());
  take_figures(trial, read_json(directory / "figures.json"));
  take_decisions(trial, read_json(directory / "decisions.json"));
  const std::int64_t begun_us = answers.at("begun_us");
  for (std::size_t i = 0; i < trial.corrupted.size(); ++i)
    if (trial.corrupted[i] && (i == 0 || !trial.corrupted[i - 1]))
      trial.events.push_back({TrialEvent::Kind::drift, begun_us + sent_us.at(i), 0});
  for (TrialEvent& each : trial.events) each.request = request_at(sent_us, each.time_us - begun_us);
  std::sort(trial.events.begin(), trial.events.end(),
            [](const TrialEvent& a, const TrialEvent& b) { return a.time_us < b.time_us; });
  return trial;
}

}  // namespace

std::vector<Trial> read_trials(const fs::path& directory) {
  std::vector<Trial> trials;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (!fs::exists(entry.path() / "figures.json")) continue;
    try {
      trials.push_back(read_trial(entry.path()));
    } catch (const json::exception& wrong) {
      throw std::runtime_error(fmt::format("{}: its documents are not those of a trial: {}",
                                           entry.path().string(), wrong.what()));
    }
  }
  if (trials.empty()) throw std::runtime_error(directory.string() + ": there are no trials in it");
  std::sort(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return std::tuple(rank_of(a.scenario), a.scenario, a.seed, a.name) <
           std::tuple(rank_of(b.scenario), b.scenario, b.seed, b.name);
  });
  return trials;
}

double accuracy(const std::vector<bool>& right, std::size_t from, std::size_t to) {
  to = std::min(to, right.size());
  if (from >= to) return 0;
  const auto count = std::count(right.begin() + static_cast<std::ptrdiff_t>(from),
                                right.begin() + static_cast<std::ptrdiff_t>(to), true);
  return static_cast<double>(count) / static_cast<double>(to - from);
}

TrialFigures figures_of(const Trial& trial) {
  using Kind = TrialEvent::Kind;
  TrialFigures figures;
  const std::size_t all = trial.right.size();
  const auto first = [&](Kind kind, std::int64_t after_us) -> const TrialEvent* {
    const auto found = std::find_if(
        trial.events.begin(), trial.events.end(),
        [&](const TrialEvent& each) { return each.kind == kind && each.time_us >= after_us; });
    return found == trial.events.end() ? nullptr : &*found;
  };
  const TrialEvent* const drift = first(Kind::drift, 0);
  for (const TrialEvent& each : trial.events) {
    figures.retrainings += each.kind == Kind::retraining ? 1 : 0;
    figures.promotions += each.kind == Kind::promoted ? 1 : 0;
    figures.refusals += each.kind == Kind::refused ? 1 : 0;
    if (each.kind == Kind::retraining && (drift == nullptr || each.time_us < drift->time_us))
      ++figures.false_retrainings;
  }
  const std::size_t at = drift == nullptr ? all : static_cast<std::size_t>(drift->request);
  figures.clean_requests = at;
  if (at > 0) figures.clean = accuracy(trial.right, at > kLately ? at - kLately : 0, at);
  if (drift == nullptr) return figures;
  const TrialEvent* const detected = first(Kind::detected, drift->time_us);
  const TrialEvent* const promoted = first(Kind::promoted, drift->time_us);
  const auto seconds = [&](const TrialEvent* event) {
    return static_cast<double>(event->time_us - drift->time_us) / 1e6;
  };
  if (detected != nullptr) figures.detected_s = seconds(detected);
  if (promoted != nullptr) figures.recovered_s = seconds(promoted);
  figures.fallen = accuracy(
      trial.right, at, promoted == nullptr ? all : static_cast<std::size_t>(promoted->request));
  const std::size_t lately = all > kLately ? all - kLately : 0;
  figures.regained = accuracy(trial.right, lately, all);
  figures.untended = accuracy(trial.right_of_nothing, lately, all);
  return figures;
}

std::optional<Mean> mean_of(const std::vector<double>& values) {
  // Two-sided 95 % of Student's t, by degrees of freedom from 1.
  constexpr std::array kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  if (values.empty()) return std::nullopt;
  Mean mean{0, 0, values.size()};
  const auto count = static_cast<double>(values.size());
  for (const double each : values) mean.mean += each / count;
  if (values.size() == 1) return mean;
  double squares = 0;
  for (const double each : values) squares += (each - mean.mean) * (each - mean.mean);
  const double student = values.size() - 2 < kStudent.size() ? kStudent[values.size() - 2] : 2.0;
  mean.half = student * std::sqrt(squares / (count - 1) / count);
  return mean;
}

}  // namespace scanflow::report
