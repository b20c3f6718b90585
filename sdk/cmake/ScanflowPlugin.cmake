# scanflow_add_plugin(NAME SOURCES a.cpp ... [LINK targets ...] [NO_INSTALL]): a plugin library NAME.so.
#
# The same file serves this repository and, installed, find_package(scanflow). The library exports
# scanflow_plugin and nothing else, binds at load, stays loaded, and has no undefined symbol. Beside
# it NAME.plugin.json is written, so that finding plugins loads none. The test plugin.NAME checks
# the rules of the plugin boundary. Both are installed to lib/scanflow/plugins, unless NO_INSTALL.

set(SCANFLOW_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map)

function(scanflow_add_plugin name)
  cmake_parse_arguments(arg "NO_INSTALL" "" "SOURCES;LINK" ${ARGN})
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "scanflow_add_plugin(NAME SOURCES a.cpp ... [LINK targets ...])")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE scanflow::sdk ${arg_LINK})
  if(TARGET scanflow_options)  # of this repository: warnings, sanitizers
    target_link_libraries(${name} PRIVATE scanflow_options)
  endif()
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${SCANFLOW_PLUGIN_MAP})
  if(SCANFLOW_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${SCANFLOW_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${SCANFLOW_PLUGIN_MAP} -Wl,-z,now -Wl,-z,nodelete)
  # A sanitizer's runtime is in the program, not in the library: -z defs would refuse the link.
  if(NOT SCANFLOW_SANITIZE
     AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  scanflow_index_plugin(${name})
  if(NOT arg_NO_INSTALL)
    scanflow_install_plugin(${name})
  endif()
endfunction()

# The index and the check of a plugin library.
function(scanflow_index_plugin name)
  add_dependencies(${name} scanflow::describe)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND scanflow::describe index $<TARGET_FILE:${name}>
    COMMENT "Describing plugin ${name}" VERBATIM)
  add_test(NAME plugin.${name} COMMAND scanflow::describe check $<TARGET_FILE:${name}>)
  set_tests_properties(plugin.${name} PROPERTIES TIMEOUT 60)
endfunction()

function(scanflow_install_plugin name)
  install(TARGETS ${name} LIBRARY DESTINATION lib/scanflow/plugins COMPONENT plugins)
  # Written anew: installing may change the library's RPATH, and with it its digest.
  install(CODE "
    execute_process(COMMAND \"$<TARGET_FILE:scanflow::describe>\" index
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/scanflow/plugins/$<TARGET_FILE_NAME:${name}>\"
      COMMAND_ERROR_IS_FATAL ANY)" COMPONENT plugins)
endfunction()
