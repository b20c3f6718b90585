// A hub at a Unix socket that takes whatever sidecars say, until its standard input ends: what the figures of the
// sidecar itself are measured beside. hub_serve SOCKET
#include <unistd.h>

#include <cstdio>

#include "engine/hub/hub.hpp"

int main(int argc, char** argv) {
  using namespace scanflow::hub;
  if (argc != 2) return 64;
  HubOptions options;
  options.boot_id = "hub";
  options.term = 1;
  options.ipc = argv[1];
  std::unique_ptr<Hub> hub;
  HubEvents events;
  events.series = [](const SidecarKey&, const auto&) { return 1; };
  events.delivery = [&](const SidecarKey& key, std::uint64_t number, const auto&) {
    hub->post([=](Core& core, std::int64_t now_us) { core.delivered(key, number, now_us); });
  };
  auto started = Hub::start(std::move(options), std::move(events));
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  hub = std::move(*started);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
  return 0;
}
