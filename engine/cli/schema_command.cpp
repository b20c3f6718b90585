// scanflow schema
#include <fmt/format.h>

#include "engine/cli/commands.hpp"
#include "engine/pipeline/json_schema.hpp"

namespace scanflow::cli {

int schema(const Context& context, bool plugins) {
  if (!plugins) {
    fmt::print("{}\n", pipeline::json_schema().dump(2));
    return kSucceeded;
  }
  const auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  // Without a library that cannot be described the schema would refuse what it offers.
  for (const std::string& problem : catalog->problems()) fmt::print(stderr, "error: {}\n", problem);
  fmt::print("{}\n", pipeline::json_schema(*catalog).dump(2));
  return catalog->problems().empty() ? kSucceeded : kEngine;
}

}  // namespace scanflow::cli
