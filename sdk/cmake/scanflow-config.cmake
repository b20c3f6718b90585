# find_package(scanflow): scanflow::sdk (headers), scanflow::describe, scanflow_add_plugin().
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json 3.11)
include(${CMAKE_CURRENT_LIST_DIR}/scanflow-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/ScanflowPlugin.cmake)
