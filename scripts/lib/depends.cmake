# Read by cpack: what the Debian package depends on, by dpkg-shlibdeps over the programs. CPack's own
# way (CPACK_DEBIAN_PACKAGE_SHLIBDEPS) looks at each of 4,000 files and takes a minute.
find_program(SHLIBDEPS dpkg-shlibdeps)
if(NOT SHLIBDEPS)
  message(FATAL_ERROR "dpkg-shlibdeps is missing: install dpkg-dev")
endif()
set(folder ${CPACK_PROMPTGRID_FOLDER}/depends)
file(MAKE_DIRECTORY ${folder}/debian)
file(WRITE ${folder}/debian/control "Source: promptgrid\n\nPackage: promptgrid\nArchitecture: any\n")
execute_process(WORKING_DIRECTORY ${folder} COMMAND ${SHLIBDEPS} --ignore-missing-info -O
  ${CPACK_PROMPTGRID_FOLDER}/promptgrid ${CPACK_PROMPTGRID_FOLDER}/promptgrid-runner
  OUTPUT_VARIABLE depends ERROR_VARIABLE complaint RESULT_VARIABLE status)
if(status OR NOT depends MATCHES "^shlibs:Depends=([^\n]+)")
  message(FATAL_ERROR "dpkg-shlibdeps: ${complaint}")
endif()
set(CPACK_DEBIAN_PACKAGE_DEPENDS "${CMAKE_MATCH_1}")
