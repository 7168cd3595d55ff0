# What `cmake --install` lays down: a tree that runs from any prefix, and a CMake package for plugins that are
# built outside of it. Included last, when every target is known.
include(CMakePackageConfigHelpers)

set(PAYOUTD_INSTALL_PLUGINS ${CMAKE_INSTALL_LIBDIR}/payoutd/plugins)
set(PAYOUTD_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/payoutd)

# The programs and the plugins find libpayoutd-sdk relative to themselves.
function(payoutd_rpath_to_libraries target from)
  file(RELATIVE_PATH to_libraries "/${from}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
endfunction()

foreach(program payoutd payoutctl payoutd-provider payoutd_provider)
  if(TARGET ${program})
    payoutd_rpath_to_libraries(${program} ${CMAKE_INSTALL_BINDIR})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

get_property(payoutd_plugins GLOBAL PROPERTY PAYOUTD_PLUGINS)
foreach(plugin IN LISTS payoutd_plugins)
  payoutd_rpath_to_libraries(${plugin} ${PAYOUTD_INSTALL_PLUGINS})
  install(TARGETS ${plugin} LIBRARY DESTINATION ${PAYOUTD_INSTALL_PLUGINS})
  install(FILES ${CMAKE_BINARY_DIR}/plugins/lib${plugin}.so DESTINATION ${PAYOUTD_INSTALL_PLUGINS})
  # Recorded payments, for `payoutctl plugin verify` and `inspect`.
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/plugins/${plugin}/transcripts)
    install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/plugins/${plugin}/transcripts/
      DESTINATION ${PAYOUTD_INSTALL_PLUGINS}/transcripts/${plugin})
  endif()
endforeach()

install(TARGETS payoutd_sdk EXPORT payoutd LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/host/sdk/include/payoutd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/config)
  install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/config/ DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/payoutd)
endif()
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/scripts)
  install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/payoutd)
endif()

install(EXPORT payoutd NAMESPACE payoutd:: FILE payoutdTargets.cmake DESTINATION ${PAYOUTD_INSTALL_CMAKE})
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/payoutdConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfig.cmake
  INSTALL_DESTINATION ${PAYOUTD_INSTALL_CMAKE}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/payoutdConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/payoutdConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/PayoutdPlugin.cmake
  DESTINATION ${PAYOUTD_INSTALL_CMAKE})
