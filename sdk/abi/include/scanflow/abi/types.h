/* Scanflow plugin ABI: the values that cross the boundary. C11, UTF-8, fixed-width integers only.
 *
 * Rules for every struct of this ABI (sdk/abi/README.md has them all):
 *  - structs only grow at the end; read a field only where the struct's `struct_size` covers it
 *    (SCANFLOW_HAS below);
 *  - nothing allocated on one side is freed on the other;
 *  - views are valid for the duration of the call that receives them, unless a comment says longer;
 *  - no function on either side throws.
 */
#ifndef SCANFLOW_ABI_TYPES_H
#define SCANFLOW_ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. A host loads a plugin when `abi_major` is equal and the plugin's
 * `abi_minor` (the least it needs) is at most the host's. */
#define SCANFLOW_ABI_MAJOR 1u
#define SCANFLOW_ABI_MINOR 0u

/* Does `p` (a pointer to an ABI struct that starts with or contains struct_size) have `field`? */
#define SCANFLOW_HAS(p, type, field) \
  ((p)->struct_size >= offsetof(type, field) + sizeof(((type*)0)->field))

/* A view of bytes or UTF-8 text; not NUL-terminated. ptr may be null where len is 0. */
typedef struct scanflow_view {
  const char* ptr;
  uint64_t len;
} scanflow_view;

/* Receives output from the other side. [any-thread unless the call that takes it says otherwise]
 * Copies at once; returns SCANFLOW_OK, or SCANFLOW_FAILED when the receiver refuses more (a limit).
 */
typedef struct scanflow_sink {
  void* ctx;
  int32_t (*write)(void* ctx, const char* data, uint64_t len);
} scanflow_sink;

/* Status codes: what int32_t functions return. */
enum {
  SCANFLOW_OK = 0,
  SCANFLOW_FAILED = 1,      /* will fail again: wrong configuration, bad data; set_error says why */
  SCANFLOW_RETRYABLE = 2,   /* may pass when tried again; set_error says why */
  SCANFLOW_CANCELLED = 3,   /* ended because cancel was asked for */
  SCANFLOW_UNSUPPORTED = 4, /* this side does not offer that */
  SCANFLOW_INVALID = 5      /* the arguments break the contract (unknown id, malformed JSON) */
};

/* Log levels. */
enum {
  SCANFLOW_LOG_DEBUG = 0,
  SCANFLOW_LOG_INFO = 1,
  SCANFLOW_LOG_WARNING = 2,
  SCANFLOW_LOG_ERROR = 3
};

#ifdef __cplusplus
}
#endif
#endif
