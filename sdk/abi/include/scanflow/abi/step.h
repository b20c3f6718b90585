/* Step plugins: the work of a pipeline. */
#ifndef SCANFLOW_ABI_STEP_H
#define SCANFLOW_ABI_STEP_H

#include <scanflow/abi/host.h>
#include <scanflow/abi/plugin.h>
#include <scanflow/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCANFLOW_STEP_FACTORY "scanflow.step/1"

typedef struct scanflow_step scanflow_step;

/* One input artifact of an attempt. */
typedef struct scanflow_input {
  scanflow_view name;
  scanflow_view path;   /* absolute; a file or a directory; read-only */
  scanflow_view sha256; /* 64 hex digits */
} scanflow_input;

typedef struct scanflow_request {
  uint32_t struct_size;
  uint32_t reserved;
  scanflow_view run;  /* the run's id */
  scanflow_view step; /* the step's identity: train[model=cnn1] */
  uint32_t attempt;   /* from 1 */
  uint32_t threads;   /* the step's CPU request, at least 1: size thread pools by it */
  const scanflow_input* inputs;
  uint32_t input_count;
  uint32_t reserved2;
  scanflow_view scratch; /* a directory of the attempt's own, emptied afterwards; may be empty text
                            when the host has none */
  scanflow_sink outputs; /* one JSON object in any number of writes, at most 1 MiB in all */
} scanflow_request;

struct scanflow_step {
  uint32_t struct_size;
  uint32_t reserved;
  void* data; /* the plugin's own */

  /* The same descriptor that the factory gave. [any-thread] */
  const scanflow_descriptor* (*descriptor)(const scanflow_step* self);

  /* Runs one attempt to its end. [instance] Blocks; called once per instance, on a thread of the
   * host's choice. request: valid until run returns. Returns SCANFLOW_OK, SCANFLOW_CANCELLED after
   * a cancel, SCANFLOW_RETRYABLE for causes that may pass, else SCANFLOW_FAILED; each of the last
   * two after host->set_error. */
  int32_t (*run)(scanflow_step* self, const scanflow_request* request);

  /* Frees the instance. [instance] Not during run. */
  void (*destroy)(scanflow_step* self);

  /* "step.cancel/1" and so on, or null. Valid as long as the instance. [any-thread] */
  const void* (*get_extension)(const scanflow_step* self, const char* id);
};

typedef struct scanflow_step_factory {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t (*count)(void);                                  /* [loader] */
  const scanflow_descriptor* (*descriptor)(uint32_t index); /* [loader] null beyond count; static */
  /* Makes an instance of the plugin `id`. config: one JSON object, checked against config_schema by
   * the host, defaults filled in. On SCANFLOW_OK `*out` is owned by the caller until destroy; else
   * it is untouched and host->set_error says why. [loader] */
  int32_t (*create)(const scanflow_host* host, const char* id, scanflow_view config,
                    scanflow_step** out);
} scanflow_step_factory;

/* step.cancel/1 */
#define SCANFLOW_STEP_CANCEL "step.cancel/1"
typedef struct scanflow_step_cancel {
  uint32_t struct_size;
  uint32_t reserved;
  /* Asks run to return soon; idempotent; before run it makes run return at once. [any-thread] */
  void (*cancel)(scanflow_step* self);
} scanflow_step_cancel;

/* step.commands/1: what the step lets one do to it while it runs (pause, checkpoint, set_param,
 * ...). */
#define SCANFLOW_STEP_COMMANDS "step.commands/1"
typedef struct scanflow_step_commands {
  uint32_t struct_size;
  uint32_t reserved;
  /* A JSON array of {"name", "summary", "schema"}; static. [any-thread] */
  const char* (*list)(const scanflow_step* self);
  /* Carries out one command and writes a JSON object as its result (nothing: {}), at most 64 KiB; may
   * take its time. SCANFLOW_UNSUPPORTED for a name that list does not have. [any-thread], between
   * create and the return of run, which must not wait for good for one that waits for run. */
  int32_t (*execute)(scanflow_step* self, scanflow_view name, scanflow_view arguments,
                     scanflow_sink result);
} scanflow_step_commands;

#ifdef __cplusplus
}
#endif
#endif
