// nlohmann::json's own code, compiled once (json_instances.cpp): what each source would compile again. Part of the
// precompiled headers; no source includes it by itself.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// As X(extern template class ...) or X(template class ...).
#define SCANFLOW_JSON_INSTANCES(template_class)                                                \
  template_class std::vector<nlohmann::json>;                                                  \
  template_class std::map<std::string, nlohmann::json, std::less<>>;                           \
  template_class nlohmann::basic_json<>;                                                       \
  template_class nlohmann::json_pointer<std::string>;                                          \
  template_class nlohmann::detail::serializer<nlohmann::json>;                                 \
  template_class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;                        \
  template_class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;               \
  SCANFLOW_JSON_PARSERS(template_class, nlohmann::detail::iterator_input_adapter<const char*>) \
  SCANFLOW_JSON_PARSERS(template_class,                                                        \
                        nlohmann::detail::iterator_input_adapter<std::string::const_iterator>)

#define SCANFLOW_JSON_PARSERS(template_class, adapter)             \
  template_class nlohmann::detail::lexer<nlohmann::json, adapter>; \
  template_class nlohmann::detail::parser<nlohmann::json, adapter>;

#ifndef SCANFLOW_JSON_DEFINE_INSTANCES
SCANFLOW_JSON_INSTANCES(extern template class)
#endif
