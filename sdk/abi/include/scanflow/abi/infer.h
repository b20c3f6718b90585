/* step.infer/1: a step that also serves online, in an inference graph (`kind: InferenceService`). */
#ifndef SCANFLOW_ABI_INFER_H
#define SCANFLOW_ABI_INFER_H

#include <scanflow/abi/step.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types of a tensor's elements: those of the Open Inference Protocol (v2), and its names. */
enum {
  SCANFLOW_BOOL = 1, /* one byte, 0 or 1 */
  SCANFLOW_UINT8 = 2,
  SCANFLOW_UINT16 = 3,
  SCANFLOW_UINT32 = 4,
  SCANFLOW_UINT64 = 5,
  SCANFLOW_INT8 = 6,
  SCANFLOW_INT16 = 7,
  SCANFLOW_INT32 = 8,
  SCANFLOW_INT64 = 9,
  SCANFLOW_FP16 = 10, /* IEEE 754 binary16 */
  SCANFLOW_FP32 = 11,
  SCANFLOW_FP64 = 12,
  SCANFLOW_BYTES = 13 /* each element: its length as 4 bytes, little-endian, then its bytes */
};

/* A tensor: described memory, dense and row-major, little-endian, aligned to its elements. */
typedef struct scanflow_tensor {
  uint32_t struct_size;
  uint32_t datatype; /* SCANFLOW_FP32, ... */
  scanflow_view name;
  const int64_t* shape; /* `rank` values, each at least 0; null where rank is 0: one element */
  uint32_t rank;        /* at most 16 */
  uint32_t reserved;
  const void* data; /* may be null where bytes is 0 */
  uint64_t bytes;   /* as datatype and shape say; of BYTES at least 4 an element */
} scanflow_tensor;

/* Receives the tensors that an inference gives. `put` copies at once; SCANFLOW_FAILED where the
 * host refuses it: a name twice, bytes that do not fit the shape, a limit. Called during infer only,
 * on its thread. */
typedef struct scanflow_tensor_sink {
  void* ctx;
  int32_t (*put)(void* ctx, const scanflow_tensor* tensor);
} scanflow_tensor_sink;

/* What an instance is loaded with; valid during the call. */
typedef struct scanflow_load {
  uint32_t struct_size;
  uint32_t threads;             /* its CPU request, at least 1: size thread pools by it */
  const scanflow_input* inputs; /* of those of input_schema: "model", where it is given one */
  uint32_t input_count;
  uint32_t reserved;
  /* One JSON object, at most 64 KiB:
   *   {"inputs":  [{"name": "images", "datatype": "FP32", "shape": [-1, 1, 28, 28]}],
   *    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
   *    "batchable": true}
   * A size of -1 is any. No inputs: it takes whatever comes, under any names. The host checks
   * requests against it before they reach the plugin. "batchable" (default false): dimension 0 of
   * each input and output counts rows that do not depend on each other, so the host may put
   * requests together into one call, and gives each the rows that are its own. */
  scanflow_sink signature;
} scanflow_load;

#define SCANFLOW_STEP_INFER "step.infer/1"
typedef struct scanflow_step_infer {
  uint32_t struct_size;
  uint32_t reserved;
  /* Makes the instance ready to serve: reads the model, warms up. Once, after create; run is not
   * called on such an instance. To swap a model the host loads another instance, lets it take
   * over, and destroys the old one. Returns as run does. [instance] */
  int32_t (*load)(scanflow_step* self, const scanflow_load* load);
  /* One inference: inputs in, outputs to the sink. Inputs are valid during the call, and fit the
   * signature. May fail for one call without spoiling the next: SCANFLOW_INVALID where the request
   * is at fault (a client is told what set_error said), else FAILED or RETRYABLE. [instance], on
   * any thread, after load has succeeded. */
  int32_t (*infer)(scanflow_step* self, const scanflow_tensor* inputs, uint32_t input_count,
                   scanflow_tensor_sink outputs);
} scanflow_step_infer;

#ifdef __cplusplus
}
#endif
#endif
