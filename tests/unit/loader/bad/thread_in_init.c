/* Starts a thread before run: the forked child would not have it. */
#include <pthread.h>
#include <unistd.h>

#include "bad_plugin.h"
static void* wait_for_ever(void* argument) {
  for (;;) pause();
  return argument;
}
static int32_t init(const scanflow_host* host) {
  pthread_t thread;
  (void)host;
  return pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 ? SCANFLOW_OK : SCANFLOW_FAILED;
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", init, no_factory);
