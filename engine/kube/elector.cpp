#include "engine/kube/elector.hpp"

#include <fmt/format.h>

#include <utility>

namespace scanflow::kube {

Elector::Elector(std::shared_ptr<Client> client, What what, Events events)
    : client_(std::move(client)),
      what_(std::move(what)),
      events_(std::move(events)),
      election_(what_.identity, what_.times),
      asks_([this](const std::stop_token& stop) { run(stop); }),
      looks_([this](const std::stop_token& stop) { look_on(stop); }) {}

Elector::~Elector() {
  looks_.request_stop();
  looks_.join();
  asks_.request_stop();
  asks_.join();
  if (!election_.leads(client_->means().monotonic_us())) return;
  const auto given_back = client_->replace(kinds::kLease, what_.name_space,
                                           Election::released(lease_, client_->means().wall_us()));
  if (!given_back) say("the lease was not given back: " + given_back.error().message);
}

void Elector::run(const std::stop_token& stop) {
  do try_once(stop);
  while (wait_for(what_.times.retry_us, stop));
}

void Elector::try_once(const std::stop_token& stop) {
  const auto there = client_->get(kinds::kLease, what_.name_space, what_.name, stop);
  const bool none = !there && there.error().is("NotFound");
  if (!there && !none) return say(explained(there.error(), "read the lease"));
  const std::int64_t begun_us = client_->means().monotonic_us();
  std::unique_lock lock(mutex_);
  auto wanted = election_.claim(there.value_or(json()), begun_us, client_->means().wall_us());
  lock.unlock();
  if (!wanted) return say("waits: the lease is held by " + election_.holder());
  if (none) {
    (*wanted)["apiVersion"] = kinds::kLease.api_version();
    (*wanted)["kind"] = kinds::kLease.kind;
    (*wanted)["metadata"] = {{"name", what_.name}, {"namespace", what_.name_space}};
  }
  const auto written = none ? client_->create(kinds::kLease, what_.name_space, *wanted, stop)
                            : client_->replace(kinds::kLease, what_.name_space, *wanted, stop);
  if (written) {
    lock.lock();
    election_.written(*written, begun_us);
    lease_ = *written;
    said_.clear();
  } else if (!written.error().is("Conflict") && !written.error().is("AlreadyExists")) {
    say(explained(written.error(), "write the lease"));
  }
}

void Elector::look_on(const std::stop_token& stop) {
  constexpr std::int64_t kLookUs = 50'000;
  bool led = false;
  while (wait_for(kLookUs, stop)) {
    std::unique_lock lock(mutex_);
    const bool leads = election_.leads(client_->means().monotonic_us());
    const std::int64_t term = election_.term();
    lock.unlock();
    if (leads == std::exchange(led, leads)) continue;
    leads ? events_.leads(term) : events_.lost();
  }
}

void Elector::say(const std::string& line) {
  if (std::exchange(said_, line) != line && events_.log) events_.log(line);
}

}  // namespace scanflow::kube
