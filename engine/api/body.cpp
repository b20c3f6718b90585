#include "engine/api/body.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sdk/base/nearest.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::api {
namespace {

constexpr std::size_t kMostNesting = 100;

Answer<json> document_of(const Request& request) {
  const std::string& type = request.content_type;
  const auto is = [&](std::string_view wanted) { return type.find(wanted) != std::string::npos; };
  if (is("json")) {
    if (auto bounded = check_nesting(request.body); !bounded)
      return tl::unexpected(bounded.error());
    json document = json::parse(request.body, nullptr, false);
    if (document.is_discarded()) return wrong("the body is not JSON");
    if (!document.is_object()) return wrong("the body must be a JSON object");
    if (!document.contains("apiVersion")) return document;
  } else if (!is("yaml") && !is("text/plain") && !type.empty()) {
    return tl::unexpected(Failure{
        415, 2,
        fmt::format("cannot read a body of type '{}': send application/yaml (the pipeline) or "
                    "application/json",
                    type)});
  }
  return json{{"source", request.body}};
}

std::vector<std::string> names_of(const Fields& fields) {
  std::vector<std::string> names;
  for (const auto& [name, type] : fields) names.push_back(name);
  return names;
}

std::string unknown(const char* what, const std::string& name,
                    const std::vector<std::string>& known) {
  const std::string near = nearest(name, known);
  return fmt::format("unknown {} '{}'; {}", what, name.substr(0, 100),
                     !near.empty()   ? fmt::format("did you mean '{}'?", near)
                     : known.empty() ? std::string("there are none here")
                                     : fmt::format("there are: {}", fmt::join(known, ", ")));
}

/// "a string", "an object".
std::string an(const std::string& type) {
  return (type == "object" || type == "array" ? "an " : "a ") + type;
}

}  // namespace

Answer<void> check_nesting(const std::string& body) {
  if (nesting_of(body) <= kMostNesting) return {};
  return wrong(fmt::format("the body is nested deeper than {} levels", kMostNesting));
}

Answer<json> read_body(const Request& request, const Fields& fields) {
  auto document = document_of(request);
  if (!document) return document;
  if (auto checked = check_fields(*document, fields); !checked)
    return tl::unexpected(checked.error());
  return document;
}

Answer<void> check_fields(const json& object, const Fields& fields) {
  for (const auto& [name, value] : object.items()) {
    const auto field = fields.find(name);
    if (field == fields.end()) return wrong(unknown("field", name, names_of(fields)));
    const std::string wanted = json(field->second).type_name(), is = value.type_name();
    if (is != wanted)
      return wrong(fmt::format("'{}' must be {}, not {}", name, an(wanted), an(is)));
  }
  return {};
}

Answer<void> check_query(const Request& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return wrong(unknown("query parameter", name, known));
    // Of a script whose variable is not set: it would mean all. (The first page has no cursor.)
    if (value.empty() && name != "cursor")
      return wrong(fmt::format("the query parameter '{}' is empty", name));
  }
  return {};
}

Answer<json> with_deadline(json body) {
  if (!body.contains("deadline")) return body;
  const auto deadline = parse_duration(body["deadline"].get_ref<const std::string&>());
  if (!deadline) return wrong("deadline: " + deadline.error().message);
  if (*deadline <= 0) return wrong("deadline: it must be above 0");
  body["deadline_us"] = *deadline;
  body.erase("deadline");
  return body;
}

Answer<bool> flag_of(const Request& request, const std::string& name) {
  const std::string text = request.parameter(name);
  if (text == "true") return true;
  if (text.empty() || text == "false") return false;
  return wrong(fmt::format("{} must be true or false", name));
}

}  // namespace scanflow::api
