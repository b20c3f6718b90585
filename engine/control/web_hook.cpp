#include "engine/control/web_hook.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>

#include "sdk/base/files.hpp"

namespace scanflow::control {
namespace {

constexpr std::size_t kMostSecret = 4096;

}  // namespace

std::string hook_event(const std::string& path) { return "webhook." + path; }

Result<std::string> hook_secret(const nlohmann::json& with) {
  const std::string variable = with.value("secret_env", ""), file = with.value("secret_file", "");
  if (!variable.empty()) {
    const char* const secret = std::getenv(variable.c_str());
    if (secret != nullptr && *secret != '\0') return std::string(secret);
    return fail(fmt::format("the server has no variable {}: set it, and start it anew", variable));
  }
  auto text = read_regular_file(file, kMostSecret);
  if (!text) return text;
  if (const auto end = text->find_first_of("\r\n"); end != std::string::npos) text->resize(end);
  if (text->empty()) return fail(fmt::format("{}: its first line is empty", file));
  return text;
}

bool is_signed(const HookCall& call, const std::string& secret) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(call.body.data()), call.body.size(),
           digest.data(), &size) == nullptr)
    return false;
  std::string expected = "sha256=";
  for (unsigned i = 0; i < size; ++i) expected += fmt::format("{:02x}", digest.at(i));
  return call.signature.size() == expected.size() &&
         CRYPTO_memcmp(call.signature.data(), expected.data(), expected.size()) == 0;
}

}  // namespace scanflow::control
