/* Exports something, but not scanflow_plugin. */
__attribute__((visibility("default"))) int something_else = 1;
