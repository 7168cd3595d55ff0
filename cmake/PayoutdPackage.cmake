# Debian packages: payoutd, and payoutd-dev for those who write plugins. `./dev package` makes them:
#   ninja payoutd_package_files && cpack --config CPackConfig.cmake
# What is installed here has fixed places, so a plain `cmake --install` leaves it out.
set(packaging ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
set(package_files ${CMAKE_BINARY_DIR}/package-files)
set(documentation /usr/share/doc/payoutd)
file(MAKE_DIRECTORY ${package_files})

function(payoutd_package_install component destination)
  install(FILES ${ARGN} DESTINATION ${destination} COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

# ---- made by the programs themselves, so that it says what they do

set(made "")
# payoutd_page(FILE command...): a page of the manual, compressed as Debian wants it.
function(payoutd_page file program)
  add_custom_command(OUTPUT ${package_files}/${file}.gz
    COMMAND $<TARGET_FILE:${program}> ${ARGN} > ${package_files}/${file}
    COMMAND gzip -9nf ${package_files}/${file}
    DEPENDS ${program} VERBATIM)
  set(made ${made} ${package_files}/${file}.gz PARENT_SCOPE)
endfunction()
function(payoutd_completion program)
  add_custom_command(OUTPUT ${package_files}/completions/${program}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${package_files}/completions
    COMMAND $<TARGET_FILE:${program}> ${ARGN} > ${package_files}/completions/${program}
    DEPENDS ${program} VERBATIM)
  set(made ${made} ${package_files}/completions/${program} PARENT_SCOPE)
endfunction()
payoutd_page(payoutctl.1 payoutctl help man)
payoutd_page(payoutd.yaml.5 payoutctl help settings)
payoutd_page(payoutd.8 payoutd --man)
payoutd_completion(payoutctl help completion)
payoutd_completion(payoutd --completion)
payoutd_package_install(payoutd /usr/share/man/man1 ${package_files}/payoutctl.1.gz)
payoutd_package_install(payoutd /usr/share/man/man5 ${package_files}/payoutd.yaml.5.gz)
payoutd_package_install(payoutd /usr/share/man/man8 ${package_files}/payoutd.8.gz)
payoutd_package_install(payoutd /usr/share/bash-completion/completions
  ${package_files}/completions/payoutctl ${package_files}/completions/payoutd)

# ---- Debian's changelog: what changed stands in CHANGELOG.md

set(maintainer "payoutd maintainers <maintainers@payoutd.example.org>")
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%cD
  OUTPUT_VARIABLE changed_at OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT changed_at)
  set(changed_at "Thu, 01 Jan 2026 00:00:00 +0000")
endif()
file(CONFIGURE OUTPUT ${package_files}/changelog CONTENT
"payoutd (${PROJECT_VERSION}) unstable; urgency=medium

  * ${documentation}/CHANGELOG.md says what changed.

 -- ${maintainer}  ${changed_at}
")
add_custom_command(OUTPUT ${package_files}/changelog.gz
  COMMAND gzip -9nkf ${package_files}/changelog
  DEPENDS ${package_files}/changelog VERBATIM)
list(APPEND made ${package_files}/changelog.gz)
foreach(component_place "payoutd|${documentation}" "development|/usr/share/doc/payoutd-dev")
  string(REPLACE "|" ";" component_place "${component_place}")
  payoutd_package_install(${component_place} ${package_files}/changelog.gz ${packaging}/debian/copyright)
endforeach()

# ---- the service, its configuration and its documents

install(FILES config/systemd/payoutd.service DESTINATION /lib/systemd/system COMPONENT payoutd EXCLUDE_FROM_ALL)
foreach(kind sysusers tmpfiles)
  install(FILES config/systemd/payoutd.${kind} DESTINATION /usr/lib/${kind}.d RENAME payoutd.conf
    COMPONENT payoutd EXCLUDE_FROM_ALL)
endforeach()
payoutd_package_install(payoutd /etc/payoutd ${packaging}/etc/payoutd.yaml)
payoutd_package_install(payoutd /etc/payoutd/providers ${packaging}/etc/providers/momo.yaml.example)
# Others may not read what may hold a password.
install(FILES ${packaging}/etc/payoutd.default DESTINATION /etc/default RENAME payoutd
  PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ COMPONENT payoutd EXCLUDE_FROM_ALL)
install(DIRECTORY scripts DESTINATION /etc/payoutd COMPONENT payoutd EXCLUDE_FROM_ALL)
install(DIRECTORY DESTINATION /etc/payoutd/credentials
  DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE COMPONENT payoutd EXCLUDE_FROM_ALL)
payoutd_package_install(payoutd ${documentation} README.md CHANGELOG.md)
payoutd_package_install(payoutd ${documentation}/examples/providers ${packaging}/examples/momo-simulator.yaml)
install(DIRECTORY config/prometheus config/grafana DESTINATION ${documentation}/examples
  COMPONENT payoutd EXCLUDE_FROM_ALL)
install(DIRECTORY docs/ DESTINATION ${documentation} COMPONENT payoutd EXCLUDE_FROM_ALL)
foreach(plugin IN LISTS payoutd_plugins)
  install(FILES plugins/${plugin}/README.md DESTINATION ${documentation}/plugins RENAME ${plugin}.md
    COMPONENT payoutd EXCLUDE_FROM_ALL)
endforeach()
foreach(component_package "payoutd|payoutd" "development|payoutd-dev")
  string(REPLACE "|" ";" component_package "${component_package}")
  list(GET component_package 0 component)
  list(GET component_package 1 package)
  install(FILES ${packaging}/debian/${package}.lintian-overrides DESTINATION /usr/share/lintian/overrides
    RENAME ${package} COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

# What an administrator may edit, and an upgrade must not overwrite.
file(GLOB_RECURSE scripts RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS scripts/*)
set(conffiles /etc/default/payoutd /etc/payoutd/payoutd.yaml /etc/payoutd/providers/momo.yaml.example)
foreach(script IN LISTS scripts)
  list(APPEND conffiles /etc/payoutd/${script})
endforeach()
string(JOIN "\n" conffiles ${conffiles})
file(CONFIGURE OUTPUT ${package_files}/conffiles CONTENT "${conffiles}\n")

# ---- for those who write plugins: a provider to try them against

if(TARGET payoutd-simulator)
  install(TARGETS payoutd-simulator RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT development EXCLUDE_FROM_ALL)
  add_custom_command(OUTPUT ${package_files}/payoutd-simulator.1.gz
    COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:payoutd-simulator> -D VERSION=${PROJECT_VERSION}
      -D OUTPUT=${package_files}/payoutd-simulator.1 -P ${packaging}/help_to_man.cmake
    COMMAND gzip -9nf ${package_files}/payoutd-simulator.1
    DEPENDS payoutd-simulator ${packaging}/help_to_man.cmake VERBATIM)
  list(APPEND made ${package_files}/payoutd-simulator.1.gz)
  payoutd_package_install(development /usr/share/man/man1 ${package_files}/payoutd-simulator.1.gz)
  install(FILES tests/support/simulator/README.md DESTINATION /usr/share/doc/payoutd-dev RENAME simulator.md
    COMPONENT development EXCLUDE_FROM_ALL)
endif()

add_custom_target(payoutd_package_files DEPENDS ${made})
add_dependencies(payoutd_package_files payoutd payoutctl payoutd-provider payoutd_sdk ${payoutd_plugins})

# ---- CPack

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME payoutd)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${maintainer})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "host that pays people out through payment providers, once")
set(CPACK_SET_DESTDIR ON)  # some places are fixed, whatever the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL payoutd development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PAYOUTD_PACKAGE_NAME payoutd)
set(CPACK_DEBIAN_PAYOUTD_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PAYOUTD_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_DEBIAN_PAYOUTD_PACKAGE_DEPENDS
  "systemd (>= 250), init-system-helpers (>= 1.54~), postgresql-15 | postgresql-16 | postgresql-17")
set(CPACK_DEBIAN_PAYOUTD_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PAYOUTD_PACKAGE_CONTROL_EXTRA
  "${packaging}/debian/postinst;${packaging}/debian/prerm;${packaging}/debian/postrm;${package_files}/conffiles")
set(CPACK_COMPONENT_PAYOUTD_DESCRIPTION
"Takes payouts in over HTTP or from a file, journals each one in PostgreSQL
before a byte of it leaves, and pays it through a payment service provider:
never twice, never losing one, and never guessing. Providers are plugins in
processes of their own; rules and schedules are Lua scripts that reload while
it runs. A private PostgreSQL comes with it.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME payoutd-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "payoutd (= ${PROJECT_VERSION}), libboost1.81-dev, libboost-json1.81-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "cmake (>= 3.25), clang-19, ninja-build")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"What a plugin of payoutd, the payout host, is written with: the headers of
the SDK, its CMake package (find_package(payoutd)), and payoutd-simulator,
payment providers on loopback that keep books and misbehave on command.")

include(CPack)
