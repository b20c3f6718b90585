#include "tests/support/kube/base64.hpp"

#include <algorithm>

#include "engine/http/base64.hpp"

namespace scanflow::test::kube {

std::string base64_url(const std::string& bytes) {
  std::string text = http::base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text.substr(0, text.find('='));
}

std::optional<std::string> from_base64_url(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return http::base64_decoded(text);
}

}  // namespace scanflow::test::kube
