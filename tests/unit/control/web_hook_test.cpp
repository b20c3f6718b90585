// Who may call.
#include <gmock/gmock.h>

#include <cstdlib>

#include "engine/control/web_hook.hpp"

namespace scanflow::control {
namespace {

// RFC 4231, test case 2.
const HookCall kCall{"team/x", "what do ya want for nothing?",
                     "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", ""};

TEST(WebHook, ASignatureIsOfTheBodyWithTheSecret) {
  EXPECT_TRUE(is_signed(kCall, "Jefe"));
  EXPECT_FALSE(is_signed(kCall, "jefe"));
  HookCall other = kCall;
  other.body += ' ';
  EXPECT_FALSE(is_signed(other, "Jefe"));
  other = kCall;
  other.signature = "";
  EXPECT_FALSE(is_signed(other, "Jefe"));
  other.signature = kCall.signature.substr(7);
  EXPECT_FALSE(is_signed(other, "Jefe")) << "it says by what it is signed";
}

TEST(WebHook, TheSecretIsAVariableOrTheFirstLineOfAFile) {
  ::setenv("HOOK_TEST_SECRET", "s3", 1);
  EXPECT_EQ(*hook_secret({{"secret_env", "HOOK_TEST_SECRET"}}), "s3");
  ::unsetenv("HOOK_TEST_SECRET");
  EXPECT_THAT(hook_secret({{"secret_env", "HOOK_TEST_SECRET"}}).error().message,
              testing::HasSubstr("no variable HOOK_TEST_SECRET"));
  EXPECT_FALSE(hook_secret({{"secret_file", "/nowhere/secret"}}));
}

}  // namespace
}  // namespace scanflow::control
