// Whatever the files hold: no crash, no figure out of nothing, nothing said twice.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "sidecar/collect/network.hpp"
#include "sidecar/collect/process.hpp"
#include "tests/unit/collect/fixture.hpp"

namespace scanflow::collect {
namespace {

using Random = std::mt19937_64;

/// Cuts, repeats, overwrites: near enough to the truth to get past the first checks.
std::string damaged(std::string text, Random& random) {
  const auto at = [&] { return text.empty() ? 0 : random() % text.size(); };
  for (std::uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
    switch (random() % 6) {
      case 0:
        text.resize(at());
        break;
      case 1:
        text.insert(at(), text.substr(at(), random() % 200));
        break;
      case 2:
        if (!text.empty()) text[at()] = static_cast<char>(random());
        break;
      case 3:
        text.insert(at(), "99999999999999999999999999");
        break;
      case 4:
        text.insert(at(), "-1 nan inf 1e999\n");
        break;
      default:
        text.erase(at(), random() % 30);
    }
  }
  return text;
}

TEST(Garbage, ParsersTakeAnything) {
  Random random(7);
  const std::vector<std::string> seeds = {
      "12 (a b) S 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 883337 3133440 410 1 2 3\n",
      "Name:\tx\nVmSwap:\t 1 kB\nvoluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t2\n",
      "read_bytes: 1\nwrite_bytes: 2\n",
      "x\nPss: 1 kB\nPrivate_Dirty: 2 kB\n",
      kPressure,
      "a\nb\n eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
      "Tcp: OutSegs RetransSegs\nTcp: 1 2\n",
      "4:memory,cpu:/a/../b\n0::/../x\n",
      "31 25 0:27 /a\\040b /sys/fs/cgroup rw - cgroup2 cgroup2 rw,memory\n"};
  for (int i = 0; i < 40000; ++i) {
    const std::string text = damaged(seeds[random() % seeds.size()], random);
    parse_stat(text);
    parse_status(text);
    parse_io(text);
    parse_rollup(text);
    if (const auto pressure = parse_pressure(text, "some")) {
      ASSERT_TRUE(pressure->avg10 >= 0 && pressure->avg10 <= 1);
    }
    Values values;
    parse_net_dev(text, values);
    parse_net_pairs(text, "Tcp:", "OutSegs");
    const auto places = places_of(text, damaged(seeds.back(), random));
    for (const CgroupPlace& place : places.unified) {
      ASSERT_EQ(place.below.find("/../"), std::string::npos) << text;
    }
  }
}

TEST(Garbage, ACollectorOverDamagedTrees) {
  Random random(11);
  for (int round = 0; round < 25; ++round) {
    Machine machine;
    machine.process({.pid = 10});
    machine.process({.pid = 11, .parent = 10});
    if (round % 2 == 0) {
      make_v2(machine);
    } else {
      make_v1(machine, round % 4 == 1);
    }
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(machine.files.path())) {
      if (entry.is_regular_file()) all.push_back(entry.path());
    }
    std::map<std::string, std::string> whole;
    for (const auto& path : all) whole[path] = test::read(path);
    Collector collector(machine.options(), machine.say());
    const auto id = collector.add({.name = "train", .pid = 10});
    for (int second = 1; second <= 30; ++second) {
      for (int i = 0; i < 5; ++i) {
        const auto& path = all[random() % all.size()];
        test::write(path, damaged(whole[path], random));
      }
      collector.sample(second * 6 * kSecond);
      for (const Description& row : descriptions()) {
        const auto value = collector.values(id).get(row.metric);
        ASSERT_TRUE(!value || std::isfinite(*value)) << row.name;
        ASSERT_TRUE(!value || *value >= 0) << row.name << " " << *value;
      }
    }
    const std::set<std::pair<std::string, std::string>> distinct(machine.said.begin(),
                                                                 machine.said.end());
    EXPECT_EQ(distinct.size(), machine.said.size());
    EXPECT_LE(machine.said.size(), 2 * kSources);
  }
}

}  // namespace
}  // namespace scanflow::collect
