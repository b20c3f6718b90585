#include "engine/worker/secret_forms.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "engine/worker/redactor.hpp"

namespace scanflow::worker {
namespace {

/// Base64 as programs write it.
std::string encoded(const std::string& bytes, bool url_safe = false, std::size_t wrap = 0) {
  const std::string letters =
      std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") +
      (url_safe ? "-_" : "+/");
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u;
    };
    const unsigned group = at(0) << 16 | at(1) << 8 | at(2);
    const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t k = 0; k < 4; ++k) {
      result += k < count ? letters[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  for (std::size_t at = wrap; wrap > 0 && at < result.size(); at += wrap + 1) {
    result.insert(at, "\n");
  }
  return result;
}

std::string seen(const std::string& secret, const std::string& text) {
  return redact(std::make_shared<const Patterns>(forms_of(secret)), text);
}

TEST(SecretForms, TheValueAsItIs) {
  EXPECT_EQ(seen("hunter22", "password hunter22!"), "password ***!");
  EXPECT_EQ(seen("hunter22\n", "password hunter22!"), "password ***!");
  EXPECT_EQ(seen("four", "four"), "***");
}

TEST(SecretForms, AsHexadecimalAndAsJsonOfAscii) {
  EXPECT_EQ(seen("hunter22", "x=68756e7465723232;"), "x=***;");
  EXPECT_EQ(seen("caf\xc3\xa9-key", R"({"k": "caf\u00e9-key"})"), R"({"k": "***"})");
  EXPECT_EQ(seen("caf\xc3\xa9-key", "636166C3A92D6B6579"), "***");
}

TEST(SecretForms, AShortValueHasNone) {
  for (const char* value : {"", "abc", "a\n", "\n\n\n\n\n", "      ", " ab \n"}) {
    EXPECT_TRUE(forms_of(value).empty()) << value;
  }
}

TEST(SecretForms, NoneIsTooShortToLookFor) {
  for (const char* value : {"four", "ab\ncd", "{\n\"k\": 1\n}"}) {
    const auto forms = forms_of(value);
    EXPECT_FALSE(forms.empty());
    for (const std::string& form : forms) EXPECT_GE(form.size(), Patterns::kMinBytes) << value;
  }
}

TEST(SecretForms, EachLineOfSeveral) {
  const std::string key =
      "-----BEGIN KEY-----\nMIIEabcd\nef\n  indented line\r\n-----END KEY-----\n";
  EXPECT_EQ(seen(key, "<" + key + ">"), "<***>");
  EXPECT_EQ(seen(key, "line MIIEabcd alone"), "line *** alone");
  EXPECT_EQ(seen(key, "indented line"), "***");
  EXPECT_EQ(seen(key, "ef"), "ef");  // shorter than four
}

TEST(SecretForms, Base64WhereverItStands) {
  for (const std::string secret : {"hunter22", "p?>ss~w0rd", "0123456789abcdef", "four5"}) {
    for (std::size_t before = 0; before < 6; ++before) {
      for (std::size_t after = 0; after < 4; ++after) {
        const std::string all = std::string(before, 'u') + secret + std::string(after, 'v');
        for (const bool url_safe : {false, true}) {
          const std::string text = encoded(all, url_safe);
          // What surrounds the secret stays, and the characters it shares with its neighbours.
          const std::string shown = seen(secret, "<" + text + ">");
          const std::size_t left = before * 8 / 6 + (before % 3 == 0 ? 0 : 1);
          EXPECT_EQ(shown.find("***"), 1 + left) << text << " -> " << shown;
          EXPECT_LE(shown.size(), 2 + left + 3 + 1 + 2 + after * 2) << text << " -> " << shown;
        }
      }
    }
  }
}

TEST(SecretForms, Base64WithoutPaddingShowsNoRest) {
  EXPECT_EQ(seen("hunter22", encoded("hunter22")), "***=");
  EXPECT_EQ(seen("hunter22", "aHVudGVyMjI"), "***");
  EXPECT_EQ(seen("hunter2", encoded("hunter2")), "***==");
  EXPECT_EQ(seen("hunter22\n", encoded("hunter22\n")), "***");
  EXPECT_EQ(seen("hunter22\n", encoded("hunter22")), "***=");
}

TEST(SecretForms, WrappedBase64OfALongOne) {
  std::string secret;
  for (int i = 0; i < 300; ++i) secret += static_cast<char>(1 + i * 7 % 255);
  for (const std::size_t wrap : {std::size_t{64}, std::size_t{76}}) {
    const std::string shown = seen(secret, encoded(secret, false, wrap));
    EXPECT_EQ(shown.find_first_not_of("*=\n"), std::string::npos) << shown;
  }
}

TEST(SecretForms, AsItStandsInJsonAndInAUrl) {
  const std::string secret = "p\"a\\s\ns/w@rd";
  EXPECT_EQ(seen(secret, R"({"k":"p\"a\\s\ns/w@rd"})"), R"({"k":"***"})");
  EXPECT_EQ(seen(secret, "https://u:p%22a%5Cs%0As%2Fw%40rd@host"), "https://u:***@host");
}

TEST(SecretForms, OtherTextStays) {
  const std::string text = "epoch 3/5 loss 0.081 accuracy 0.974 hunter2 aHVud 22";
  EXPECT_EQ(seen("hunter22", text), text);
}

}  // namespace
}  // namespace scanflow::worker
