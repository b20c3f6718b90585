#include "engine/worker/secrets.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/worker/secret_forms.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<void> check(const std::string& name, const std::string& value) {
  if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
    return fail(fmt::format("'{}' cannot be the name of a secret's environment variable", name));
  }
  if (value.find('\0') != std::string::npos) {
    return fail(
        fmt::format("the secret {} holds a NUL byte, which no environment variable can; "
                    "encode it (base64)",
                    name));
  }
  if (value.size() > Secrets::kMaxBytes) {
    return fail(fmt::format("the secret {} has {} bytes; an environment variable may have {} here",
                            name, value.size(), Secrets::kMaxBytes));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Secrets>> Secrets::of(
    const std::map<std::string, std::string>& values) {
  std::shared_ptr<Secrets> secrets(new Secrets);
  std::vector<std::string> texts;
  for (const auto& [name, value] : values) {
    if (auto good = check(name, value); !good) return fail(good.error().message);
    std::vector<std::string> forms = forms_of(value);
    if (forms.empty() && !value.empty()) secrets->unprotected_.push_back(name);
    if (!forms.empty()) secrets->values_.insert(value);
    std::move(forms.begin(), forms.end(), std::back_inserter(texts));
  }
  secrets->patterns_ = std::make_shared<const Patterns>(texts);
  return secrets;
}

void Secrets::redact(protocol::Metric& metric) const {
  metric.name = redact(metric.name);
  for (const auto& [name, value] : std::exchange(metric.labels, {})) {
    metric.labels[redact(name)] = redact(value);
  }
}

void Secrets::redact(protocol::Progress& progress) const {
  progress.message = redact(progress.message);
}

void Secrets::redact(protocol::Result& result) const {
  // Who wrote the message may have shortened what it quotes.
  result.message = worker::redact(patterns_, result.message, true);
  result.outputs = redact_outputs(result.outputs);
}

std::string Secrets::redact_outputs(const std::string& outputs) const {
  json document = json::parse(outputs, nullptr, false);
  if (document.is_discarded()) return redact(outputs);
  return to_text(redacted(document));
}

/// Names and strings are texts; a number is a secret or is not.
json Secrets::redacted(const json& value) const {
  if (value.is_string()) return redact(value.get_ref<const std::string&>());
  if (value.is_number() && values_.count(to_text(value)) != 0) return kRedacted;
  if (!value.is_structured()) return value;
  json result = value.is_array() ? json::array() : json::object();
  for (const auto& [key, item] : value.items()) {
    if (value.is_array()) {
      result.push_back(redacted(item));
    } else {
      result[redact(key)] = redacted(item);
    }
  }
  return result;
}

}  // namespace scanflow::worker
