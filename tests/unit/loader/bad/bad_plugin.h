/* What the deliberately bad plugins share. Each is C, so that it needs nothing of the C++ layer,
 * and breaks exactly one rule. */
#ifndef SCANFLOW_TESTS_BAD_PLUGIN_H
#define SCANFLOW_TESTS_BAD_PLUGIN_H

#include <scanflow/abi/step.h>
#include <string.h>

#define UNUSED __attribute__((unused))

static UNUSED int32_t good_init(const scanflow_host* host) {
  (void)host;
  return SCANFLOW_OK;
}
static UNUSED void good_deinit(void) {}
static UNUSED const void* no_factory(const char* id) {
  (void)id;
  return NULL;
}
static UNUSED int32_t no_create(const scanflow_host* host, const char* id, scanflow_view config,
                                scanflow_step** out) {
  (void)host, (void)id, (void)config, (void)out;
  return SCANFLOW_INVALID;
}

/* A library that is good but for what the arguments say. */
#define LIBRARY(major, minor, size, id, init, get_factory)        \
  SCANFLOW_EXPORT const scanflow_plugin_entry scanflow_plugin = { \
      major, minor, size, 0, id, "1.0.0", "by hand", init, good_deinit, get_factory}

/* A good library with the given descriptors (an array) as its steps. */
#define STEPS(descriptors)                                                                        \
  static uint32_t count(void) { return sizeof(descriptors) / sizeof(*descriptors); }              \
  static const scanflow_descriptor* descriptor(uint32_t index) {                                  \
    return index < count() ? descriptors[index] : NULL;                                           \
  }                                                                                               \
  static const scanflow_step_factory factory = {sizeof factory, 0, count, descriptor, no_create}; \
  static const void* get_factory(const char* id) {                                                \
    return strcmp(id, SCANFLOW_STEP_FACTORY) == 0 ? &factory : NULL;                              \
  }                                                                                               \
  LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, get_factory)

#endif
