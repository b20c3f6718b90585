/* What the host offers to a plugin. */
#ifndef SCANFLOW_ABI_HOST_H
#define SCANFLOW_ABI_HOST_H

#include <scanflow/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct scanflow_host scanflow_host;

/* One host object belongs to one plugin instance (or to `init`), and outlives it. */
struct scanflow_host {
  /* The first 16 bytes are frozen for ever. */
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t struct_size;
  uint32_t reserved;

  void* ctx; /* the host's own; do not touch */

  /* Writes one line to the attempt's log. [any-thread] */
  void (*log)(const scanflow_host* host, int32_t level, scanflow_view message);

  /* Says why the current call is about to return FAILED, RETRYABLE or INVALID: what, where, why and
   * the fix, in one or more lines. Copies at once; the last call counts. [any-thread] */
  void (*set_error)(const scanflow_host* host, scanflow_view message);

  /* The extension `id` (below, "host.NAME/VERSION"), or null where this host does not offer it; a
   * plugin must work without, or fail with a clear error. Valid as long as the host. [any-thread]
   */
  const void* (*get_extension)(const scanflow_host* host, const char* id);
};

/* host.metrics/1 */
#define SCANFLOW_HOST_METRICS "host.metrics/1"
typedef struct scanflow_label {
  scanflow_view name;
  scanflow_view value;
} scanflow_label;
typedef struct scanflow_host_metrics {
  uint32_t struct_size;
  uint32_t reserved;
  /* Records a value at a training step (an epoch, a batch; counted by the caller): acknowledged,
   * and kept in full. [any-thread] */
  int32_t (*log)(const scanflow_host* host, scanflow_view name, double value, int64_t step,
                 const scanflow_label* labels, uint32_t label_count);
  /* Sampled telemetry: cheap; may be dropped, and is then counted. [any-thread] */
  int32_t (*observe)(const scanflow_host* host, scanflow_view name, double value,
                     const scanflow_label* labels, uint32_t label_count);
} scanflow_host_metrics;

/* host.progress/1 */
#define SCANFLOW_HOST_PROGRESS "host.progress/1"
typedef struct scanflow_host_progress {
  uint32_t struct_size;
  uint32_t reserved;
  /* How far the attempt is: 0 to 1, or below 0 where that is unknown; and a few words for a person
   * ("epoch 3/5"). Shown live, not kept. [any-thread] */
  int32_t (*update)(const scanflow_host* host, double fraction, scanflow_view message);
} scanflow_host_progress;

/* host.artifacts/1 */
#define SCANFLOW_HOST_ARTIFACTS "host.artifacts/1"
enum { SCANFLOW_ARTIFACT_FILE = 0, SCANFLOW_ARTIFACT_DIRECTORY = 1 };
typedef struct scanflow_host_artifacts {
  uint32_t struct_size;
  uint32_t reserved;
  /* Announces the artifact `name` ([a-z0-9_-]+) and writes to `path` where to put it: the path of a
   * file to be created, or of an empty directory that exists. What lies there when `run` returns
   * SCANFLOW_OK becomes the artifact, addressed by its SHA-256; nothing is kept of a failed
   * attempt. Asking again for a name gives the same path. [any-thread] */
  int32_t (*create)(const scanflow_host* host, scanflow_view name, int32_t kind,
                    scanflow_sink path);
} scanflow_host_artifacts;

/* host.checkpoints/1 */
#define SCANFLOW_HOST_CHECKPOINTS "host.checkpoints/1"
typedef struct scanflow_host_checkpoints {
  uint32_t struct_size;
  uint32_t reserved;
  /* Writes the path of a directory, which exists then, whose files outlive the attempt: later
   * attempts of the step find them, until one has succeeded; and those of a run that repeats a
   * failed one, where the step has the same configuration and the same inputs. Only one attempt at
   * a time has it, but it may be killed while it writes: write a file of another name, fsync, and
   * rename. SCANFLOW_UNSUPPORTED where this host keeps none. [any-thread] */
  int32_t (*directory)(const scanflow_host* host, scanflow_sink path);
} scanflow_host_checkpoints;

/* host.run/1: for reports. */
#define SCANFLOW_HOST_RUN "host.run/1"
typedef struct scanflow_host_run {
  uint32_t struct_size;
  uint32_t reserved;
  /* Writes the state of the run so far as one JSON document (sdk/abi/README.md, "The run
   * document"). [instance] Blocks until the engine answers. */
  int32_t (*state)(const scanflow_host* host, scanflow_sink json);
} scanflow_host_run;

/* host.models/1: the model registry. */
#define SCANFLOW_HOST_MODELS "host.models/1"
typedef struct scanflow_host_models {
  uint32_t struct_size;
  uint32_t reserved;
  /* Registers a new version of a model. request: JSON {"name", "input": the name of the step's
   * input that holds it, "metrics": {..}, "tags": {..}}; reply: JSON {"name", "version", "sha256"}.
   * The engine adds lineage (run, step, pipeline, inputs). The same attempt registering the same
   * model again gets the same version. [instance] Blocks until the engine has committed it. */
  int32_t (*register_version)(const scanflow_host* host, scanflow_view request,
                              scanflow_sink reply);
} scanflow_host_models;

/* host.clock/1: the only clock of triggers and strategies in tests and replay. */
#define SCANFLOW_HOST_CLOCK "host.clock/1"
typedef struct scanflow_host_clock {
  uint32_t struct_size;
  uint32_t reserved;
  /* Microseconds since 1970-01-01 UTC. [any-thread] */
  int64_t (*now_us)(const scanflow_host* host);
} scanflow_host_clock;

#ifdef __cplusplus
}
#endif
#endif
