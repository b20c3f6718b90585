/* The one symbol that a plugin library exports. */
#ifndef SCANFLOW_ABI_PLUGIN_H
#define SCANFLOW_ABI_PLUGIN_H

#include <scanflow/abi/host.h>
#include <scanflow/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCANFLOW_PLUGIN_SYMBOL "scanflow_plugin"

/* Describes one plugin of a library. All strings are static, UTF-8, NUL-terminated; schemas are
 * JSON Schema in the subset that sdk/abi/README.md documents, or null for "none". */
typedef struct scanflow_descriptor {
  uint32_t struct_size;
  uint32_t reserved;
  const char* id;            /* "torch.train": lower case, dots, digits, '-', '_' */
  const char* version;       /* semantic version of this plugin; part of the cache key */
  const char* summary;       /* one line */
  const char* config_schema; /* what `with` may hold; an object schema */
  const char* input_schema;  /* artifacts it reads: an object schema whose properties are inputs; in
                                YAML they stand in `with` too */
  const char* output_schema; /* the JSON that `run` writes; "x-artifacts" lists the artifacts */
  const char* primitives;    /* strategies: a JSON array of the primitives it may ask for */
  const char* commands;      /* steps: what the list of step.commands/1 says; null: it has none */
  const char* serves;        /* steps: "step.infer/1" where it serves online, else null */
} scanflow_descriptor;

typedef struct scanflow_plugin_entry {
  /* The first 16 bytes are frozen for ever. */
  uint32_t abi_major;   /* SCANFLOW_ABI_MAJOR of the header it was built with */
  uint32_t abi_minor;   /* the least minor version of the host that it needs */
  uint32_t struct_size; /* sizeof(scanflow_plugin_entry) as the plugin knows it */
  uint32_t reserved;    /* 0 */

  const char* id;      /* the library's name, for people: "torch" */
  const char* version; /* of the library */
  const char* build;   /* compiler and options, for people; may be empty */

  /* Called once before anything else, and not again before deinit. Must start no thread and open no
   * OpenMP region: a step library is forked after it. [loader] */
  int32_t (*init)(const scanflow_host* host);
  /* Called once after the last instance is destroyed. [loader] */
  void (*deinit)(void);
  /* The factory `id` ("scanflow.step/1", "scanflow.trigger/1", "scanflow.strategy/1"), or null.
   * Static. [loader] */
  const void* (*get_factory)(const char* factory_id);
} scanflow_plugin_entry;

#ifdef __cplusplus
#define SCANFLOW_EXTERN_C extern "C"
#else
#define SCANFLOW_EXTERN_C
#endif
/* Before the definition: SCANFLOW_EXPORT const scanflow_plugin_entry scanflow_plugin = {...};
 * (written so, not inside an extern "C" block, where a const would have internal linkage). */
#define SCANFLOW_EXPORT SCANFLOW_EXTERN_C __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif
#endif
