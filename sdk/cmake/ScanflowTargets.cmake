# Targets of this repository: one per folder, explicit source lists.

add_library(scanflow_options INTERFACE)
target_include_directories(scanflow_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(scanflow_options INTERFACE
  -Wall -Wextra -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Wno-missing-field-initializers
  $<$<BOOL:${SCANFLOW_WERROR}>:-Werror>)
if(SCANFLOW_SANITIZE)
  target_compile_options(scanflow_options INTERFACE
    -fsanitize=${SCANFLOW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(scanflow_options INTERFACE -fsanitize=${SCANFLOW_SANITIZE})
endif()

# scanflow_library(NAME SOURCES a.cpp ... LINK targets ...): a static library of one folder.
function(scanflow_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC scanflow_options ${arg_LINK})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE scanflow_options ${arg_LINK})
  endif()
endfunction()

# scanflow_test(NAME SOURCES a_test.cpp ... LINK targets ... [LABELS ...] [TIMEOUT seconds]): a GoogleTest program;
# each test a ctest.
function(scanflow_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE scanflow_options ${arg_LINK} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    SCANFLOW_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SCANFLOW_BINARY_DIR="${CMAKE_BINARY_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()

include(ScanflowPlugin)
