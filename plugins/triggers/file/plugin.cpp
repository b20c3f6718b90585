// The library of file.
#include "plugins/triggers/file/file_trigger.hpp"

SCANFLOW_PLUGIN("file", "1.0.0", scanflow::triggers::FileTrigger)
