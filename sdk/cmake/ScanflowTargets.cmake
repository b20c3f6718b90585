# Targets of this repository: one per folder, explicit source lists.

add_library(scanflow_options INTERFACE)
target_include_directories(scanflow_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(scanflow_options INTERFACE
  -Wall -Wextra -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Wno-missing-field-initializers
  # Sources are compiled several at a time (CMAKE_UNITY_BUILD): one's own types are another's included ones then, and
  # programs that are to be small keep the sections that they use.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage> -ffunction-sections -fdata-sections
  $<$<BOOL:${SCANFLOW_WERROR}>:-Werror>)
if(SCANFLOW_SANITIZE)
  target_compile_options(scanflow_options INTERFACE
    -fsanitize=${SCANFLOW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(scanflow_options INTERFACE -fsanitize=${SCANFLOW_SANITIZE})
endif()
if(SCANFLOW_FUZZ)
  target_compile_options(scanflow_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Headers that nearly every source includes, parsed once for libraries and once for tests: half of a build's time goes
# into parsing them. Sources include what they use all the same (./dev lint compiles without this). The code of
# nlohmann::json was more than half of what every source compiled: it is in one library, scanflow_json.
function(scanflow_precompiled_headers)
  set(headers <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional> <string> <unordered_map> <variant>
    <vector> <fmt/format.h> <tl/expected.hpp> <sdk/base/json_instances.hpp>)
  add_library(scanflow_json STATIC ${CMAKE_SOURCE_DIR}/sdk/base/json_instances.cpp)
  target_link_libraries(scanflow_json PRIVATE scanflow_options PUBLIC nlohmann_json::nlohmann_json)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cpp CONTENT "")
  add_library(scanflow_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(scanflow_precompiled PRIVATE scanflow_options fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(scanflow_precompiled PRIVATE ${headers})
  add_executable(scanflow_test_precompiled ${CMAKE_BINARY_DIR}/precompiled.cpp)
  set_target_properties(scanflow_test_precompiled PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(scanflow_test_precompiled PRIVATE scanflow_test_options)
  target_precompile_headers(scanflow_test_precompiled PRIVATE ${headers} <gtest/gtest.h>)
endfunction()

# Of tests' own sources: what they test is optimised, they need not be.
add_library(scanflow_test_options INTERFACE)
target_compile_options(scanflow_test_options INTERFACE -O0)
target_link_libraries(scanflow_test_options INTERFACE scanflow_options scanflow_json fmt::fmt GTest::gtest GTest::gtest_main)

# scanflow_library(NAME SOURCES a.cpp ... LINK targets ...): a static library of one folder.
function(scanflow_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC scanflow_options ${arg_LINK} PRIVATE fmt::fmt scanflow_json)
    target_precompile_headers(${name} REUSE_FROM scanflow_precompiled)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE scanflow_options ${arg_LINK})
  endif()
endfunction()

# scanflow_test(NAME SOURCES a_test.cpp ... LINK targets ... [LABELS ...] [TIMEOUT seconds] [PATHS]): a GoogleTest program;
# each test a ctest. PATHS: it knows where the sources and the build are (what it is compiled to is of this checkout only).
function(scanflow_test name)
  cmake_parse_arguments(arg "PATHS" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE scanflow_test_options ${arg_LINK})
  target_precompile_headers(${name} REUSE_FROM scanflow_test_precompiled)
  if(arg_PATHS)
    target_compile_definitions(${name} PRIVATE
      SCANFLOW_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SCANFLOW_BINARY_DIR="${CMAKE_BINARY_DIR}")
  endif()
  set(properties)
  if(arg_LABELS)
    list(APPEND properties LABELS "${arg_LABELS}")
  endif()
  if(SCANFLOW_SANITIZE)  # slow; and a crash must look to the supervisor as it does without them
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
    if(SCANFLOW_SANITIZE MATCHES thread)
      list(APPEND properties ENVIRONMENT TSAN_OPTIONS=handle_segv=0)
    else()
      list(APPEND properties ENVIRONMENT ASAN_OPTIONS=handle_segv=0)
    endif()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${arg_TIMEOUT} ${properties})
endfunction()

include(ScanflowPlugin)
