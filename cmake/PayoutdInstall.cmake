# What `cmake --install` lays down: a tree that runs from any prefix, and a CMake package for plugins that are
# built outside of it. Included last, when every target is known. The components are the Debian packages that
# PayoutdPackage.cmake makes of them.
include(CMakePackageConfigHelpers)

set(PAYOUTD_INSTALL_PRIVATE ${CMAKE_INSTALL_LIBDIR}/payoutd)
set(PAYOUTD_INSTALL_PLUGINS ${PAYOUTD_INSTALL_PRIVATE}/plugins)
set(PAYOUTD_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/payoutd)

# The programs and the plugins find libpayoutd-sdk relative to themselves.
function(payoutd_rpath_to_libraries target from)
  file(RELATIVE_PATH to_libraries "/${from}" "/${PAYOUTD_INSTALL_PRIVATE}")
  string(REGEX REPLACE "/$" "" origin "$ORIGIN/${to_libraries}")
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "${origin}")
endfunction()

foreach(program payoutd payoutctl)
  if(TARGET ${program})
    payoutd_rpath_to_libraries(${program} ${CMAKE_INSTALL_BINDIR})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT payoutd)
  endif()
endforeach()
if(TARGET payoutd-provider)  # started by the host, never by people
  payoutd_rpath_to_libraries(payoutd-provider ${PAYOUTD_INSTALL_PRIVATE})
  install(TARGETS payoutd-provider RUNTIME DESTINATION ${PAYOUTD_INSTALL_PRIVATE} COMPONENT payoutd)
endif()

get_property(payoutd_plugins GLOBAL PROPERTY PAYOUTD_PLUGINS)
foreach(plugin IN LISTS payoutd_plugins)
  payoutd_rpath_to_libraries(${plugin} ${PAYOUTD_INSTALL_PLUGINS})
  install(TARGETS ${plugin} LIBRARY DESTINATION ${PAYOUTD_INSTALL_PLUGINS} COMPONENT payoutd)
  install(FILES ${CMAKE_BINARY_DIR}/plugins/lib${plugin}.so DESTINATION ${PAYOUTD_INSTALL_PLUGINS} COMPONENT payoutd)
  # Recorded payments, for `payoutctl plugin verify` and `inspect`.
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/plugins/${plugin}/transcripts)
    install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/plugins/${plugin}/transcripts/
      DESTINATION ${PAYOUTD_INSTALL_PLUGINS}/transcripts/${plugin} COMPONENT payoutd)
  endif()
endforeach()

install(TARGETS payoutd_sdk EXPORT payoutd
  LIBRARY DESTINATION ${PAYOUTD_INSTALL_PRIVATE} COMPONENT payoutd NAMELINK_COMPONENT development)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/host/sdk/include/payoutd
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/config/
  DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/payoutd COMPONENT demonstration PATTERN systemd EXCLUDE)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/payoutd COMPONENT payoutd)

install(EXPORT payoutd NAMESPACE payoutd:: FILE payoutdTargets.cmake
  DESTINATION ${PAYOUTD_INSTALL_CMAKE} COMPONENT development)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/payoutdConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfig.cmake
  INSTALL_DESTINATION ${PAYOUTD_INSTALL_CMAKE}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/payoutdConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/PayoutdPlugin.cmake
  DESTINATION ${PAYOUTD_INSTALL_CMAKE} COMPONENT development)

include(PayoutdPackage)
