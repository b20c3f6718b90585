/* Trigger plugins: they notice. Pure in shape, so that they replay, test well and survive a
 * restart: no thread, no clock and no hidden state of their own. They run in a control host
 * process. */
#ifndef SCANFLOW_ABI_TRIGGER_H
#define SCANFLOW_ABI_TRIGGER_H

#include <scanflow/abi/host.h>
#include <scanflow/abi/plugin.h>
#include <scanflow/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCANFLOW_TRIGGER_FACTORY "scanflow.trigger/1"

/* Why `wake` is called. */
enum {
  SCANFLOW_WAKE_START = 0, /* first call after create: state is what was committed last, or empty */
  SCANFLOW_WAKE_TIME = 1,  /* next_wake has come */
  SCANFLOW_WAKE_EVENT = 2, /* an event that it subscribed to */
  SCANFLOW_WAKE_SAMPLE = 3 /* a sample of a metric that it subscribed to */
};

typedef struct scanflow_wake {
  uint32_t struct_size;
  int32_t reason;
  int64_t now_us;      /* microseconds since 1970-01-01 UTC: the only clock there is */
  scanflow_view event; /* JSON of the event or sample; empty for START and TIME */
  scanflow_view state; /* the bytes that the last call wrote; empty at first */
  scanflow_sink fires; /* one JSON object {"evidence": {...}} per write: each write is one firing */
  scanflow_sink state_out; /* the whole new state, at most 64 KiB; nothing written: unchanged. It is
                              committed together with the firings */
} scanflow_wake;

typedef struct scanflow_trigger scanflow_trigger;
struct scanflow_trigger {
  uint32_t struct_size;
  uint32_t reserved;
  void* data;                                                             /* the plugin's own */
  const scanflow_descriptor* (*descriptor)(const scanflow_trigger* self); /* [any-thread] */
  /* Same arguments, same answer. `*next_wake_us` is set to the time of the next TIME wake, or to
   * INT64_MAX for none. [instance] Must return within its deadline (1 s by default). */
  int32_t (*wake)(scanflow_trigger* self, const scanflow_wake* wake, int64_t* next_wake_us);
  void (*destroy)(scanflow_trigger* self);                                    /* [instance] */
  const void* (*get_extension)(const scanflow_trigger* self, const char* id); /* [any-thread] */
};

/* An extension of a trigger, which says what else than time it is to be woken for. */
#define SCANFLOW_TRIGGER_WATCH "trigger.watch/1"
typedef struct scanflow_trigger_watch {
  uint32_t struct_size;
  uint32_t reserved;
  /* A JSON object per write: {"source": "samples", "name", "labels"}, {"source": "events", "type"},
   * {"source": "objects", "object", ...}: see README.md. Always the same. [instance] */
  int32_t (*watches)(const scanflow_trigger* self, scanflow_sink out);
} scanflow_trigger_watch;

typedef struct scanflow_trigger_factory {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t (*count)(void);                                  /* [loader] */
  const scanflow_descriptor* (*descriptor)(uint32_t index); /* [loader] null beyond count; static */
  /* As scanflow_step_factory.create. [loader] */
  int32_t (*create)(const scanflow_host* host, const char* id, scanflow_view config,
                    scanflow_trigger** out);
} scanflow_trigger_factory;

#ifdef __cplusplus
}
#endif
#endif
