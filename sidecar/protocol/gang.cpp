#include "sidecar/protocol/gang.hpp"

#include <charconv>

namespace scanflow::protocol {
namespace {

constexpr char kBeforeRank = '@';  // in no step's name, and behind the ']' of an instance's

}  // namespace

AttemptId member_of(const AttemptId& gang, std::uint32_t rank) {
  AttemptId member = gang;
  if (rank > 0) member.step += kBeforeRank + std::to_string(rank);
  return member;
}

Rank rank_of(const AttemptId& member) {
  const std::size_t at = member.step.rfind(kBeforeRank);
  if (at == std::string::npos) return {member, 0};
  const char* const end = member.step.data() + member.step.size();
  std::uint32_t rank = 0;
  const auto [read, error] = std::from_chars(member.step.data() + at + 1, end, rank);
  if (error != std::errc() || read != end || rank == 0) return {member, 0};
  return {{member.run, member.step.substr(0, at), member.attempt}, rank};
}

}  // namespace scanflow::protocol
