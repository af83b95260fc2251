# cmake --install and the Debian package: the programs, what they need at run time (recipes with the
# pocket CLIP and its datasets, published numbers), manual pages, completions.
set(references promptgrid.1 promptgrid-recipe.5 bash zsh fish)
set(folder ${CMAKE_BINARY_DIR}/reference)
file(MAKE_DIRECTORY ${folder})
foreach(name ${references})
  add_custom_command(OUTPUT ${folder}/${name} DEPENDS promptgrid promptgrid-runner
    COMMAND promptgrid reference ${name} > ${folder}/${name} VERBATIM)
  list(APPEND written ${folder}/${name})
endforeach()
# A sanitizer's program may refuse to run within a build.
if(NOT PROMPTGRID_SANITIZE)
  add_custom_target(reference ALL DEPENDS ${written})
endif()

set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # installing and packing take what was built
install(TARGETS promptgrid promptgrid-runner RUNTIME DESTINATION bin)
install(DIRECTORY recipes DESTINATION share/promptgrid PATTERN __pycache__ EXCLUDE)
install(DIRECTORY results/published DESTINATION share/promptgrid/results)
install(FILES README.md DESTINATION share/doc/promptgrid)
install(FILES docs/manual.md docs/measured.md docs/recipe.md docs/sources.md DESTINATION share/doc/promptgrid/docs)
install(FILES LICENSE RENAME copyright DESTINATION share/doc/promptgrid)
install(FILES ${folder}/promptgrid.1 DESTINATION share/man/man1 OPTIONAL)
install(FILES ${folder}/promptgrid-recipe.5 DESTINATION share/man/man5 OPTIONAL)
install(FILES ${folder}/bash RENAME promptgrid DESTINATION share/bash-completion/completions OPTIONAL)
install(FILES ${folder}/fish RENAME promptgrid.fish DESTINATION share/fish/vendor_completions.d
  OPTIONAL)
# zsh of Debian looks here below /usr, but there below /usr/local
install(CODE "if(CMAKE_INSTALL_PREFIX MATCHES \"/usr$\")
  set(zsh share/zsh/vendor-completions)
else()
  set(zsh share/zsh/site-functions)
endif()
if(EXISTS ${folder}/zsh)
  file(INSTALL ${folder}/zsh DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${zsh}\" RENAME _promptgrid)
endif()")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME promptgrid)
set(CPACK_PACKAGE_VERSION ${version})
set(CPACK_PACKAGE_CONTACT "promptgrid maintainers <promptgrid@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "few-shot prompt-tuning experiments on CLIP")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/scripts/lib/depends.cmake)
set(CPACK_PROMPTGRID_FOLDER ${CMAKE_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS gnuplot-nox)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "sqlite3, slurm-client, texlive-latex-extra")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "A recipe describes a grid of datasets, methods, ranks, shots
and seeds; one command trains what is missing of it, records every number
with the code that made it, and renders tables and figures beside published
results. A tiny CLIP and five small datasets are included.")
include(CPack)
