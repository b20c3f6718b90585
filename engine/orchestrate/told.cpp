#include "engine/orchestrate/told.hpp"

#include <fmt/format.h>

#include <cctype>

#include "engine/kube/recorder.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr std::chrono::seconds kEventPatience{3};
constexpr std::size_t kMostNote = 1024, kMostBy = 200;

/// "ScaleDone" of "scale" and "DONE".
std::string reason_of(const std::string& primitive, std::string_view outcome) {
  std::string reason;
  bool begins = true;
  for (const std::string_view word : {std::string_view(primitive), outcome}) {
    begins = true;
    for (const char c : word) {
      const auto letter = static_cast<unsigned char>(c);
      if (c != '_')
        reason += static_cast<char>(begins ? std::toupper(letter) : std::tolower(letter));
      begins = c == '_';
    }
  }
  return reason;
}

}  // namespace

kube::Event event_of(const Request& request, const std::string& uid, const Outcome& outcome) {
  const Target& target = request.target;
  kube::Event event;
  event.regarding = {target.kind, target.name_space, target.name, uid};
  event.warning = outcome.state != Outcome::State::done;
  event.reason = reason_of(request.primitive, name_of(outcome.state));
  event.action = request.primitive;
  const std::string by = kube::event_note(request.by, kMostBy);
  const std::string asked = by.empty() ? "" : fmt::format(", asked by {}", by);
  const std::string what = target.kind.kind == "Secret"
                               ? fmt::format("{} of {}", request.primitive, named(target))
                               : outcome.message;
  event.note = kube::event_note(what, kMostNote - asked.size()) + asked;
  return event;
}

void tell(kube::Client& client, const Request& request, const std::string& uid, Outcome& outcome,
          const std::stop_token& stop) {
  const auto not_recorded = [&](const std::string& why) {
    outcome.evidence["event"] = "not recorded: " + why;
  };
  if (!outcome.answered) return not_recorded("the API server could not be asked");
  if (uid.empty()) return not_recorded("the object was not read");
  kube::EventWriter writer(client);
  const auto written =
      writer.write(event_of(request, uid, outcome), writer.now(), kEventPatience, stop);
  if (!written) {
    return not_recorded(kube::explained(
        written.error(), fmt::format("write an Event on {}", named(request.target))));
  }
  outcome.evidence["event"] = *written;
}

}  // namespace scanflow::orchestrate
