#include "engine/podman/failure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/podman/recordings.hpp"

namespace scanflow::podman {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Case {
  std::string_view said;
  Refusal kind;
  std::string_view fix;
};

class Known : public testing::TestWithParam<Case> {};

TEST_P(Known, SaysWhatToDo) {
  const Failure failure = explain("start the Pod p", GetParam().said);
  EXPECT_EQ(failure.kind, GetParam().kind) << failure.message;
  EXPECT_THAT(failure.message, AllOf(HasSubstr("podman cannot start the Pod p: "),
                                     HasSubstr(std::string(GetParam().fix))));
}

INSTANTIATE_TEST_SUITE_P(
    Failure, Known,
    testing::Values(Case{recorded::kRlimits, Refusal::rlimits, "default_ulimits"},
                    Case{recorded::kNoTun, Refusal::network, "chmod 666 /dev/net/tun"},
                    Case{recorded::kNoUidmap, Refusal::rootless, "apt install uidmap"},
                    Case{recorded::kNoImage, Refusal::image, "podman load -i"},
                    Case{recorded::kNoRegistry, Refusal::image, "not in reach"},
                    Case{recorded::kNotBuilt, Refusal::image, "nobody has built it here"},
                    Case{recorded::kRegistryAway, Refusal::registry, "does not answer"},
                    Case{recorded::kBadName, Refusal::image, "in small letters"},
                    Case{recorded::kOddName, Refusal::image, "in small letters"},
                    Case{recorded::kBadField, Refusal::manifest, "pod_template"},
                    Case{recorded::kBadDns, Refusal::manifest, "pod_template"},
                    Case{recorded::kTooLittle, Refusal::manifest, "resources"},
                    Case{recorded::kShortName, Refusal::image, "localhost/NAME"},
                    Case{recorded::kNoPause, Refusal::pause_image, "apt install catatonit"},
                    Case{recorded::kNoService, Refusal::service, "CONTAINER_HOST"},
                    Case{recorded::kHybrid, Refusal::runtime, "apt install runc"},
                    Case{recorded::kNoIptables, Refusal::network, "apt install iptables"},
                    Case{recorded::kNoProgram, Refusal::program, "in the image"},
                    Case{recorded::kExists, Refusal::exists, "podman pod rm -f"},
                    Case{recorded::kNoPod, Refusal::missing, "no such pod"},
                    Case{recorded::kNoContainer, Refusal::missing, "no such container"}));

TEST(Failure, QuotesTheCauseAndNotWhatFollowsFromIt) {
  const std::string message = explain("start the Pod p", recorded::kRlimits).message;
  EXPECT_THAT(message, AllOf(HasSubstr("error setting rlimit type 7: operation not permitted"),
                             Not(HasSubstr("aardvark")), Not(HasSubstr("dependency")),
                             Not(HasSubstr("failed to start 2"))));
}

TEST(Failure, QuotesWhyAContainerDoesNotStartAlsoWhereItKnowsNoFix) {
  EXPECT_THAT(explain("start it", recorded::kNoCgroup).message,
              AllOf(HasSubstr("cannot set memory limit: container could not join"),
                    Not(HasSubstr("failed to start 1"))));
}

TEST(Failure, QuotesTheProgram) {
  EXPECT_THAT(explain("start it", recorded::kNoProgram).message, HasSubstr("stat /nope"));
}

TEST(Failure, OfTheUnknownPassesOnWhatWasSaid) {
  const Failure failure = explain("do it", "time=x level=warning msg=y\nError: the moon is full\n");
  EXPECT_EQ(failure.kind, Refusal::other);
  EXPECT_EQ(failure.message, "podman cannot do it: the moon is full");
  EXPECT_EQ(explain("do it", "").message, "podman cannot do it: it said nothing");
}

TEST(Failure, IsTextWhateverWasSaid) {
  const std::string message = explain("do it", "Error: \xff\xfe" + std::string(5000, 'x')).message;
  EXPECT_LT(message.size(), 700u);
  EXPECT_THAT(message, HasSubstr("\xef\xbf\xbd"));
}

}  // namespace
}  // namespace scanflow::podman
