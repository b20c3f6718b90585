#include "plugins/strategies/retrain/law.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

json to_json(const Moments& moments) { return {moments.count, moments.mean, moments.squares}; }

Moments moments_of(const json& document) {
  return {document.at(0), document.at(1), document.at(2)};
}

bool surely_worse(const RetrainLaw& law, const Moments& before, const Moments& after) {
  if (before.count < 1 || after.count < static_cast<double>(law.min_looks)) return false;
  const double by = before.mean - law.tolerance - after.mean;
  const double freedom = before.count + after.count - 2;
  const double deviation = freedom > 0 ? std::sqrt((before.squares + after.squares) / freedom *
                                                   (1 / before.count + 1 / after.count))
                                       : 0;
  return by > 0 && by >= law.sure_worse * deviation;
}

std::string why_refused(const RetrainLaw& law, const RunEnd& end) {
  if (!end.candidate || !end.samples)
    return "its run does not say how good it is, and of how many samples";
  if (end.version.empty()) return "its run does not say which version it is";
  if (end.version == end.serving) return fmt::format("version {} serves already", end.version);
  if (!end.serving.empty() && !end.baseline)
    return fmt::format("its run does not say how good version {} is, which serves", end.serving);
  return why_not_better(law.gate, *end.candidate, end.baseline, *end.samples);
}

}  // namespace

void Moments::add(double value) {
  ++count;
  const double away = value - mean;
  mean += away / count;
  squares += away * (value - mean);
}

Retraining Retraining::read(std::string_view text) {
  Retraining state;
  if (text.empty()) return state;
  const json document = json::parse(text);
  const std::string phase = document.at("phase");
  state.phase_ = phase == "training"   ? Phase::training
                 : phase == "watching" ? Phase::watching
                                       : Phase::idle;
  state.since_us_ = document.at("since_us");
  state.began_us_ = document.at("began_us");
  state.remembered_ = document.at("remembered");
  state.version_ = document.at("version");
  state.previous_ = document.at("previous");
  state.before_ = moments_of(document.at("before"));
  state.after_ = moments_of(document.at("after"));
  return state;
}

std::string Retraining::text() const {
  return json{{"phase", phase_ == Phase::training   ? "training"
                        : phase_ == Phase::watching ? "watching"
                                                    : "idle"},
              {"since_us", since_us_},
              {"began_us", began_us_},
              {"remembered", remembered_},
              {"version", version_},
              {"previous", previous_},
              {"before", to_json(before_)},
              {"after", to_json(after_)}}
      .dump();
}

std::optional<RetrainStep> Retraining::train(const RetrainLaw& law, std::int64_t now_us,
                                             const Happened& happened) {
  RetrainStep step;
  phase_ = Phase::idle;
  if (!happened.ended || happened.ended->time_us < since_us_) {
    if (now_us - since_us_ >= law.within_us) {
      step.kind = RetrainStep::Kind::fail;
      step.why = "nobody has told of its end in time: it was held, or is late";
      return step;
    }
    phase_ = Phase::training;
    return std::nullopt;
  }
  step.end = *happened.ended;
  if (step.end.status != "succeeded") {
    step.kind = RetrainStep::Kind::fail;
    step.why = fmt::format("its run ended as {}", step.end.status);
    return step;
  }
  step.why = why_refused(law, step.end);
  step.kind = step.why.empty() ? RetrainStep::Kind::promote : RetrainStep::Kind::refuse;
  if (!step.why.empty()) return step;
  step.version = version_ = step.end.version;
  step.other = previous_ = step.end.serving;
  after_ = {};
  since_us_ = now_us;
  if (!previous_.empty() && law.watch_us > 0) phase_ = Phase::watching;
  return step;
}

std::optional<RetrainStep> Retraining::watch(const RetrainLaw& law, std::int64_t now_us) {
  if (surely_worse(law, before_, after_)) {
    RetrainStep step;
    step.kind = RetrainStep::Kind::roll_back;
    step.version = previous_;
    step.other = version_;
    step.before = before_;
    step.after = after_;
    phase_ = Phase::idle;
    return step;
  }
  if (now_us - since_us_ >= law.watch_us) phase_ = Phase::idle;
  return std::nullopt;
}

std::vector<RetrainStep> Retraining::decide(const RetrainLaw& law, std::int64_t now_us,
                                            const Happened& happened) {
  std::vector<RetrainStep> steps;
  const auto take = [&](std::optional<RetrainStep> step) {
    if (step) steps.push_back(std::move(*step));
  };
  remembered_ = remembered_ || happened.begins;
  if (phase_ == Phase::training) {
    // Before its end is judged: this look is of what served until now.
    if (happened.quality) before_.add(*happened.quality);
    take(train(law, now_us, happened));
  } else if (phase_ == Phase::watching) {
    if (happened.quality && now_us - since_us_ <= law.watch_us) after_.add(*happened.quality);
    take(watch(law, now_us));
  }
  const bool rested = began_us_ == 0 || now_us - began_us_ >= law.rest_us;
  if (phase_ != Phase::idle || !remembered_ || !rested) return steps;
  remembered_ = false;
  phase_ = Phase::training;
  since_us_ = began_us_ = now_us;
  before_ = after_ = {};
  if (happened.quality) before_.add(*happened.quality);
  steps.push_back({});
  return steps;
}

}  // namespace scanflow::strategies
