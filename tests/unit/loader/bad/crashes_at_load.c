/* Takes the process that loads it along. */
#include <signal.h>
#include <unistd.h>

#include "bad_plugin.h"
__attribute__((constructor)) static void crash(void) {
  static const char kWords[] = "about to crash\n";
  signal(SIGSEGV, SIG_DFL); /* also under a sanitizer, which would catch it */
  if (write(2, kWords, sizeof kWords - 1) > 0) raise(SIGSEGV);
}
LIBRARY(SCANFLOW_ABI_MAJOR, 0, sizeof(scanflow_plugin_entry), "bad", good_init, no_factory);
