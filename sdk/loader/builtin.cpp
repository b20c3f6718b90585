#include "sdk/loader/builtin.hpp"

#include <scanflow/abi/step.h>

#include <cstring>
#include <new>
#include <string>

namespace scanflow::loader {

namespace {

const scanflow_descriptor kNoop = {
    sizeof(scanflow_descriptor),
    0,
    "noop",
    "1.0.0",
    "Does nothing; its outputs are its `with`",
    R"({"type":"object","additionalProperties":true})",
    nullptr,
    R"({"type":"object","additionalProperties":true})",
    nullptr,
};

struct Noop {
  scanflow_step abi;
  const scanflow_host* host;
  std::string config;  // "{}", which needs no allocation, in most pipelines
};

Noop& self(const scanflow_step* step) { return *static_cast<Noop*>(step->data); }

const scanflow_descriptor* descriptor(const scanflow_step*) noexcept { return &kNoop; }

std::int32_t run(scanflow_step* step, const scanflow_request* request) noexcept {
  const auto& noop = self(step);
  if (noop.config.size() <= 2) return SCANFLOW_OK;
  const auto& sink = request->outputs;
  if (sink.write(sink.ctx, noop.config.data(), noop.config.size()) == SCANFLOW_OK) {
    return SCANFLOW_OK;
  }
  constexpr std::string_view kWhy = "noop: `with` is larger than outputs may be (1 MiB)";
  noop.host->set_error(noop.host, {kWhy.data(), kWhy.size()});
  return SCANFLOW_FAILED;
}

void destroy(scanflow_step* step) noexcept { delete &self(step); }

const void* no_extension(const scanflow_step*, const char*) noexcept { return nullptr; }

std::uint32_t count() noexcept { return 1; }

const scanflow_descriptor* descriptor_at(std::uint32_t index) noexcept {
  return index == 0 ? &kNoop : nullptr;
}

std::int32_t create(const scanflow_host* host, const char* id, scanflow_view config,
                    scanflow_step** out) noexcept {
  if (std::strcmp(id, kNoop.id) != 0) return SCANFLOW_INVALID;
  try {
    auto* noop =
        new Noop{{sizeof(scanflow_step), 0, nullptr, &descriptor, &run, &destroy, &no_extension},
                 host,
                 std::string(config.ptr, config.len)};
    noop->abi.data = noop;
    *out = &noop->abi;
    return SCANFLOW_OK;
  } catch (const std::bad_alloc&) {
    return SCANFLOW_RETRYABLE;
  }
}

constexpr scanflow_step_factory kFactory = {sizeof(scanflow_step_factory), 0, &count,
                                            &descriptor_at, &create};

std::int32_t init(const scanflow_host*) noexcept { return SCANFLOW_OK; }
void deinit() noexcept {}
const void* get_factory(const char* id) noexcept {
  return std::strcmp(id, SCANFLOW_STEP_FACTORY) == 0 ? &kFactory : nullptr;
}

constexpr scanflow_plugin_entry kEntry = {
    SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), 0, "builtin", "1.0.0", "", &init, &deinit,
    &get_factory};

}  // namespace

const scanflow_plugin_entry& builtin_entry() { return kEntry; }

Result<std::shared_ptr<const Library>> builtin_library() {
  return Library::adopt(kEntry, "builtin");
}

}  // namespace scanflow::loader
