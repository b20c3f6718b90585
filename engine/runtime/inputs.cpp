#include "engine/runtime/inputs.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace scanflow::runtime {

namespace fs = std::filesystem;

Result<json> input_param(const std::string& name, const std::string& path) {
  const auto wrong = [&](const std::string& why) {
    return fail(fmt::format("--input {}={}: {}", name, path, why));
  };
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return wrong(error.message());
  const bool directory = fs::is_directory(real, error);
  if (!directory && !fs::is_regular_file(real, error))
    return wrong("neither a file nor a directory (a socket, pipe or device)");
  if (::access(real.c_str(), directory ? R_OK | X_OK : R_OK) != 0)
    return wrong(std::generic_category().message(errno));
  return json{{"artifact", name}, {"input", real.string()}, {"path", real.string()},
              {"sha256", ""},     {"directory", directory}, {"bytes", 0}};
}

bool is_input(const json& value) {
  return value.is_object() && value.contains("artifact") && value.contains("input") &&
         value["input"].is_string();
}

json artifact_document(const std::string& name, const store::Artifact& artifact) {
  return {{"artifact", name},
          {"path", artifact.path.string()},
          {"sha256", artifact.sha256},
          {"bytes", artifact.bytes},
          {"directory", artifact.directory}};
}

Result<std::size_t> take_inputs(const pipeline::Pipeline& pipeline, json& params,
                                store::Artifacts& artifacts) {
  std::size_t taken = 0;
  for (const pipeline::Param& param : pipeline.params) {
    const auto given = params.find(param.name);
    if (param.type != "artifact" || given == params.end() || !is_input(*given)) continue;
    const std::string path = given->at("input");
    const auto artifact = artifacts.put_copy(path);
    if (!artifact) {
      return fail(fmt::format("--input {}={}: {}; nothing was run", param.name, path,
                              artifact.error().message));
    }
    *given = artifact_document(param.name, *artifact);
    ++taken;
  }
  return taken;
}

}  // namespace scanflow::runtime
