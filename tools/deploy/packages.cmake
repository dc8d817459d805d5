# Debian packages, made of the components of an installation: cpack -G DEB in the build directory.
#   holdfast                 programs (server), unit and configuration (service)
#   holdfast-dbgsym          their symbols
#   libholdfast-client-dev   the client library (client)
set(deploy ${PROJECT_SOURCE_DIR}/tools/deploy)
set(HOLDFAST_PACKAGE_CONTACT "The Holdfast maintainers <maintainers@holdfast.invalid>"
    CACHE STRING "Maintainer of packages that cpack makes: NAME <ADDRESS>")
set(HOLDFAST_PACKAGE_REVISION 1 CACHE STRING "Revision of packages that cpack makes")

# Its paths are those of the package, so it is not part of an installation into another prefix.
function(install_service files)
  cmake_parse_arguments(to "" "DESTINATION;RENAME" "" ${ARGN})
  set(rename)
  if(to_RENAME)
    set(rename RENAME ${to_RENAME})
  endif()
  install(FILES ${files} DESTINATION ${to_DESTINATION} ${rename} COMPONENT service EXCLUDE_FROM_ALL)
endfunction()
set(units ${deploy}/systemd/holdfastd.service ${deploy}/systemd/holdfast-backup.service
          ${deploy}/systemd/holdfast-backup.timer)
install_service("${units}" DESTINATION /usr/lib/systemd/system)
install_service(${deploy}/systemd/sysusers.conf DESTINATION /usr/lib/sysusers.d RENAME holdfast.conf)
install_service(${deploy}/systemd/tmpfiles.conf DESTINATION /usr/lib/tmpfiles.d RENAME holdfast.conf)
install_service(${deploy}/systemd/holdfastd.toml DESTINATION /etc/holdfast)
install(PROGRAMS ${deploy}/systemd/holdfast-backup DESTINATION /usr/lib/holdfast
        COMPONENT service EXCLUDE_FROM_ALL)

# Of the commit, so that the same tree makes the same package; without git, of today.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 "--format=%ct;%cD"
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  string(TIMESTAMP commit "%s;%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
list(GET commit 0 HOLDFAST_PACKAGE_EPOCH)
list(GET commit 1 HOLDFAST_PACKAGE_DATE)

# documentation(PACKAGE COMPONENT): what Debian wants of each package.
function(documentation package component)
  configure_file(${deploy}/debian/changelog.in ${package}.changelog @ONLY)
  add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${package}.changelog.gz
                     COMMAND gzip -9nc ${package}.changelog > ${package}.changelog.gz
                     DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${package}.changelog VERBATIM)
  add_custom_target(${package}_changelog ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${package}.changelog.gz)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${package}.changelog.gz
          DESTINATION /usr/share/doc/${package} RENAME changelog.Debian.gz
          COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${deploy}/debian/copyright DESTINATION /usr/share/doc/${package}
          COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()
documentation(holdfast service)

# manual(PROGRAM SECTION WHATIS): its page, which says what --help says. Not from programs that only
# tests run: those of sanitizers are slow, those that count coverage would count this.
find_program(HELP2MAN help2man)
function(manual program section whatis)
  if(NOT HELP2MAN OR CMAKE_CROSSCOMPILING OR CMAKE_BUILD_TYPE STREQUAL Debug)
    return()
  endif()
  set(page ${CMAKE_CURRENT_BINARY_DIR}/${program}.${section})
  add_custom_command(OUTPUT ${page}.gz
                     COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=${HOLDFAST_PACKAGE_EPOCH}
                             ${HELP2MAN} --no-info --section ${section} --name ${whatis}
                             --version-string ${PROJECT_VERSION} --output ${page} $<TARGET_FILE:${program}>
                     COMMAND gzip -9nf ${page}
                     DEPENDS ${program} VERBATIM)
  add_custom_target(${program}_manual ALL DEPENDS ${page}.gz)
  install(FILES ${page}.gz DESTINATION /usr/share/man/man${section} COMPONENT service EXCLUDE_FROM_ALL)
endfunction()
manual(holdfastd 8 "controller of a fleet of LLM KV caches")
manual(holdfast-ctl 1 "asks a Holdfast controller what it knows, and has it operate on caches")
manual(holdfast-inspect 1 "looks into the store of a Holdfast controller")
manual(holdfast-replay 1 "replays what a Holdfast controller was told")
manual(holdfast-fleet 1 "simulates a fleet of KV caches for a Holdfast controller")
manual(holdfast-bench 1 "measures what Holdfast promises")

documentation(libholdfast-client-dev client-documentation)
set(pages ${PROJECT_SOURCE_DIR}/docs/deploy.md ${PROJECT_SOURCE_DIR}/docs/protocol.md)
install_service("${pages}" DESTINATION /usr/share/doc/holdfast)
if(EXISTS ${deploy}/holdfastd.toml)
  install_service(${deploy}/holdfastd.toml DESTINATION /usr/share/doc/holdfast/examples)
endif()
foreach(examples kubernetes grafana prometheus)
  if(EXISTS ${deploy}/${examples})
    install(DIRECTORY ${deploy}/${examples} DESTINATION /usr/share/doc/holdfast/examples
            COMPONENT service EXCLUDE_FROM_ALL)
  endif()
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "${HOLDFAST_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL server service client client-documentation)
set(CPACK_COMPONENT_SERVER_GROUP holdfast)
set(CPACK_COMPONENT_SERVICE_GROUP holdfast)
set(CPACK_COMPONENT_CLIENT_GROUP client)
set(CPACK_COMPONENT_CLIENT-DOCUMENTATION_GROUP client)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_STRIP_FILES OFF)  # the symbols' package does it

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${HOLDFAST_PACKAGE_REVISION})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_HOLDFAST_PACKAGE_NAME holdfast)
set(CPACK_DEBIAN_HOLDFAST_PACKAGE_SECTION net)
# Of the module for groups, too: a dependency and no recommendation, since it is small and images are
# made without recommendations.
set(CPACK_DEBIAN_HOLDFAST_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HOLDFAST_PACKAGE_DEPENDS passwd)  # postinst: useradd, where systemd is not there
set(CPACK_DEBIAN_HOLDFAST_DEBUGINFO_PACKAGE ON)
set(CPACK_DEBIAN_HOLDFAST_PACKAGE_CONTROL_EXTRA
    "${deploy}/debian/postinst;${deploy}/debian/prerm;${deploy}/debian/postrm;${deploy}/debian/conffiles")
set(CPACK_DEBIAN_HOLDFAST_DESCRIPTION
    "controller of a fleet of LLM KV caches
It knows which worker of an LLM fleet holds which chunk of KV cache, answers
who has the longest prefix of a prompt, and survives its own crash without
asking any worker again.
.
This package has the controller with its systemd unit, which is neither
enabled nor started, and the programs around it: holdfast-ctl,
holdfast-inspect, holdfast-replay, holdfast-fleet and holdfast-bench. How to
set it up is told in /usr/share/doc/holdfast/deploy.md.")

set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME libholdfast-client-dev)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_CLIENT_PACKAGE_DEPENDS libcapnp-dev)
set(CPACK_DEBIAN_CLIENT_DESCRIPTION
    "client library of the Holdfast controller
For engines that report what their KV caches hold and for routers that look
it up: headers, static libraries, a CMake package and a pkg-config file
(holdfast-client).")
include(CPack)
