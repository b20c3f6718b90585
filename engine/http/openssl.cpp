#include "engine/http/openssl.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>

#include <ctime>

namespace scanflow::http {

std::string reason() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    if (const char* said = ERR_reason_error_string(code)) text = said;
  }
  return text.empty() ? "unknown error" : text;
}

std::string day(std::int64_t unix_s) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(static_cast<std::time_t>(unix_s)));
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return static_cast<std::int64_t>(::timegm(&parts));
}

int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace scanflow::http
