#include "tests/support/kube/cluster.hpp"

#include <fmt/format.h>
#include <time.h>

#include "sdk/base/clock.hpp"
#include "sdk/base/utc.hpp"
#include "tests/support/kube/objects.hpp"

namespace scanflow::test::kube {

Cluster::Cluster(ClusterOptions options, std::recursive_mutex& owner)
    : store(options.history), lock(owner), options_(std::move(options)) {
  if (!options_.now_s) options_.now_s = [] { return wall_us() / 1'000'000; };
  for (const std::string& name : options_.namespaces) {
    add_object(*this, known.core("namespaces"),
               {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
  }
}

std::string Cluster::now() const { return time_of(now_s()); }

std::string Cluster::new_uid() {
  const std::uint64_t high = random_(), low = random_();
  return fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xfff, (low >> 52) & 0xfff, low & 0xffffffffffff);
}

std::string Cluster::new_suffix() {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  while (suffix.size() < 5) suffix += kLetters[random_() % kLetters.size()];
  return suffix;
}

std::string time_of(std::int64_t seconds) { return utc_text(seconds * 1'000'000); }

std::int64_t seconds_of(const std::string& time) {
  tm parts{};
  ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  return ::timegm(&parts);
}

}  // namespace scanflow::test::kube
