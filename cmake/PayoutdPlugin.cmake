# payoutd_add_plugin(NAME source... [VERSION x.y.z])
#
# Makes the plugin library NAME: lib<NAME>-<VERSION>.so, with lib<NAME>.so as a link to it, in
# ${CMAKE_BINARY_DIR}/plugins. The version (the project's if none is given) stands in the file's name because a
# new version is loaded beside the old one, and because a mapped file must never be overwritten.
# Works inside payoutd's tree and after find_package(payoutd) alike.
function(payoutd_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "" "VERSION" "")
  if(NOT plugin_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "payoutd_add_plugin(${name}): no source files are given")
  endif()
  if(NOT plugin_VERSION)
    set(plugin_VERSION ${PROJECT_VERSION})
  endif()
  if(NOT plugin_VERSION MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+$")
    message(FATAL_ERROR "payoutd_add_plugin(${name}): the version '${plugin_VERSION}' is not of the form x.y.z; "
                        "give it with VERSION or in project()")
  endif()

  add_library(${name} MODULE ${plugin_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE
    PAYOUTD_PLUGIN_NAME="${name}"
    PAYOUTD_PLUGIN_VERSION="${plugin_VERSION}")
  target_link_libraries(${name} PRIVATE payoutd::sdk)
  # Never unloaded: coroutine frames, vtables and Asio's services of the plugin may outlive its last call.
  target_link_options(${name} PRIVATE LINKER:-z,nodelete)
  if(NOT PAYOUTD_SANITIZE AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:-z,defs)  # a missing symbol is an error here, not at load time
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX "lib"
    SUFFIX ".so"
    OUTPUT_NAME "${name}-${plugin_VERSION}"
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins"
    INSTALL_RPATH "$ORIGIN/.."
    PAYOUTD_PLUGIN_VERSION "${plugin_VERSION}")
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink "$<TARGET_FILE_NAME:${name}>"
            "${CMAKE_BINARY_DIR}/plugins/lib${name}.so"
    VERBATIM)
  if(COMMAND payoutd_defaults)  # inside payoutd's own tree
    payoutd_defaults(${name})
    set_property(GLOBAL APPEND PROPERTY PAYOUTD_PLUGINS ${name})
  endif()
endfunction()
