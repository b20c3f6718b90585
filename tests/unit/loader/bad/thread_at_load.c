/* Starts a thread in a constructor, before anyone called it. */
#include <pthread.h>
#include <unistd.h>

#include "bad_plugin.h"
static void* wait_for_ever(void* argument) {
  for (;;) pause();
  return argument;
}
__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_ever, NULL);
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, no_factory);
