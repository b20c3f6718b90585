#include "plugins/triggers/prometheus/fetch.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace scanflow::triggers {
namespace {

constexpr std::size_t kMostBody = std::size_t{4} << 20;
constexpr std::size_t kMostToken = std::size_t{16} << 10;

struct EndCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t keep_body(const char* data, std::size_t one, std::size_t size, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + one * size > kMostBody) return 0;  // it is given up
  body.append(data, one * size);
  return one * size;
}

std::string reason_of(CURLcode code, const char* detail, const HttpGet& request) {
  const std::string said = *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return fmt::format(
          "no answer within {} ms ({}); is it there, and is 'timeout' enough for this query?",
          request.timeout.count(), said);
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return said + "; is the server there, and 'url' right?";
    case CURLE_PEER_FAILED_VERIFICATION:
      return said + "; 'ca_file' names the certificates that it is checked by";
    case CURLE_SSL_CACERT_BADFILE:
      return fmt::format("ca_file {}: {}", request.ca_file, said);
    case CURLE_WRITE_ERROR:
      return fmt::format("its answer is longer than {} MiB; aggregate in the query",
                         kMostBody >> 20);
    default:
      return said;
  }
}

}  // namespace

HttpAnswer http_get(const HttpGet& request) {
  const std::unique_ptr<CURL, EndCurl> handle(curl_easy_init());
  if (!handle) throw std::runtime_error("libcurl does not start");
  HttpAnswer answer;
  std::array<char, CURL_ERROR_SIZE> detail{};
  std::unique_ptr<curl_slist, FreeHeaders> headers;
  const auto set = [&](CURLoption option, auto value) {
    const CURLcode code = curl_easy_setopt(handle.get(), option, value);
    if (code != CURLE_OK) throw std::runtime_error(reason_of(code, detail.data(), request));
  };
  set(CURLOPT_ERRORBUFFER, detail.data());
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_ACCEPT_ENCODING, "");
  set(CURLOPT_USERAGENT, "scanflow");
  set(CURLOPT_WRITEFUNCTION, &keep_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&answer.body));
  if (!request.ca_file.empty()) set(CURLOPT_CAINFO, request.ca_file.c_str());
  if (!request.token.empty()) {
    headers.reset(curl_slist_append(nullptr, ("Authorization: Bearer " + request.token).c_str()));
    set(CURLOPT_HTTPHEADER, headers.get());
  }
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) throw std::runtime_error(reason_of(code, detail.data(), request));
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

std::string url_escaped(const std::string& text) {
  std::string escaped;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= 'a' && byte <= 'z') ||
                          std::string_view("-._~").find(letter) != std::string_view::npos;
    escaped += is_plain ? std::string(1, letter) : fmt::format("%{:02X}", byte);
  }
  return escaped;
}

std::string read_token(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string token(kMostToken + 1, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  if (in.bad() || (in.gcount() == 0 && !in.is_open()))
    throw std::runtime_error(fmt::format("token_file: cannot read {}: {}", file,
                                         std::generic_category().message(errno)));
  token.resize(static_cast<std::size_t>(in.gcount()));
  const auto first = token.find_first_not_of(" \t\r\n");
  const auto last = token.find_last_not_of(" \t\r\n");
  token = first == std::string::npos ? "" : token.substr(first, last - first + 1);
  const bool is_good = !token.empty() && token.size() <= kMostToken &&
                       std::all_of(token.begin(), token.end(),
                                   [](char letter) { return letter > ' ' && letter < 127; });
  if (!is_good)
    throw std::runtime_error("token_file: " + file +
                             " holds no token: one line of letters without blanks, 16 KiB at most");
  return token;
}

}  // namespace scanflow::triggers
