/* Strategy plugins: they decide. Pure in shape, as triggers are. They run in a control host
 * process. */
#ifndef SCANFLOW_ABI_STRATEGY_H
#define SCANFLOW_ABI_STRATEGY_H

#include <scanflow/abi/host.h>
#include <scanflow/abi/plugin.h>
#include <scanflow/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCANFLOW_STRATEGY_FACTORY "scanflow.strategy/1"

typedef struct scanflow_decide {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t now_us;         /* microseconds since 1970-01-01 UTC: the only clock there is */
  scanflow_view evidence; /* JSON: what the trigger saw, and the answers to what was asked to see */
  scanflow_view state;    /* the bytes that the last decision wrote; empty at first */
  /* One JSON object {"primitive", "target", "args", "reason"} per write; "reason", a text for people, may be left out. */
  scanflow_sink actions;
  scanflow_sink state_out; /* the whole new state, at most 64 KiB; nothing written: unchanged. It is
                              committed together with the decision */
} scanflow_decide;

typedef struct scanflow_strategy scanflow_strategy;
struct scanflow_strategy {
  uint32_t struct_size;
  uint32_t reserved;
  void* data;                                                              /* the plugin's own */
  const scanflow_descriptor* (*descriptor)(const scanflow_strategy* self); /* [any-thread] */
  /* Same arguments, same answer. [instance] Must return within its deadline (1 s by default). Asks
   * only for primitives that its descriptor lists; one that lists none, for what its rule allows. */
  int32_t (*decide)(scanflow_strategy* self, const scanflow_decide* decide);
  void (*destroy)(scanflow_strategy* self);                                    /* [instance] */
  const void* (*get_extension)(const scanflow_strategy* self, const char* id); /* [any-thread] */
};

typedef struct scanflow_strategy_factory {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t (*count)(void);                                  /* [loader] */
  const scanflow_descriptor* (*descriptor)(uint32_t index); /* [loader] null beyond count; static */
  /* As scanflow_step_factory.create. [loader] */
  int32_t (*create)(const scanflow_host* host, const char* id, scanflow_view config,
                    scanflow_strategy** out);
} scanflow_strategy_factory;

#ifdef __cplusplus
}
#endif
#endif
