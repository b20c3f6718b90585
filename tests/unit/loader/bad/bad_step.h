/* A library of one step with the command "stop": what its descriptor says, what its instance lists,
 * and how it answers are the includer's. */
#ifndef SCANFLOW_TESTS_BAD_STEP_H
#define SCANFLOW_TESTS_BAD_STEP_H

#include "bad_plugin.h"

#define STEP_WITH_COMMANDS(described, listed, answer)                                          \
  static const scanflow_descriptor one = {sizeof one, 0,    "bad.one", "1.0.0", "",            \
                                          NULL,       NULL, NULL,      NULL,    described};    \
  static const char* list(const scanflow_step* self) { return (void)self, listed; }            \
  static int32_t execute(scanflow_step* self, scanflow_view name, scanflow_view arguments,     \
                         scanflow_sink result) {                                               \
    (void)self, (void)arguments, (void)result;                                                 \
    return name.len == 4 && memcmp(name.ptr, "stop", 4) == 0 ? SCANFLOW_OK : answer;           \
  }                                                                                            \
  static const scanflow_step_commands commands = {sizeof commands, 0, list, execute};          \
  static const scanflow_descriptor* describe(const scanflow_step* self) {                      \
    return (void)self, &one;                                                                   \
  }                                                                                            \
  static int32_t run(scanflow_step* self, const scanflow_request* request) {                   \
    return (void)self, (void)request, SCANFLOW_OK;                                             \
  }                                                                                            \
  static void destroy(scanflow_step* self) { (void)self; }                                     \
  static const void* get_extension(const scanflow_step* self, const char* id) {                \
    return (void)self, strcmp(id, SCANFLOW_STEP_COMMANDS) == 0 ? &commands : NULL;             \
  }                                                                                            \
  static scanflow_step instance = {                                                            \
      sizeof instance, 0, NULL, describe, run, destroy, get_extension};                        \
  static int32_t create(const scanflow_host* host, const char* id, scanflow_view config,       \
                        scanflow_step** out) {                                                 \
    (void)host;                                                                                \
    if (strcmp(id, one.id) != 0 || config.len > 2) return SCANFLOW_INVALID;                    \
    *out = &instance;                                                                          \
    return SCANFLOW_OK;                                                                        \
  }                                                                                            \
  static uint32_t count(void) { return 1; }                                                    \
  static const scanflow_descriptor* descriptor(uint32_t i) { return i == 0 ? &one : NULL; }    \
  static const scanflow_step_factory factory = {sizeof factory, 0, count, descriptor, create}; \
  static const void* get_factory(const char* id) {                                             \
    return strcmp(id, SCANFLOW_STEP_FACTORY) == 0 ? &factory : NULL;                           \
  }                                                                                            \
  LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, get_factory)

#define STOP "[{\"name\": \"stop\"}]"

#endif
