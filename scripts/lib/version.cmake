# Which version this is: sets `version` ("1.2.0", or "1.2.0+45.g0123abcd" 45 commits after the tag
# v1.2.0), `commit` and `dirty` ("true" when the tree differs from it). As a script,
#   cmake -DSOURCE=DIR -DRELEASE=1.2.0 -DOUT=version.c -P version.cmake
# it also writes the C file of harness/system/version.h, only when that would change.
#
# RELEASE is the version where no tag says another. In a tarball of `git archive` there is no
# repository; git has then put the commit and its tag here:
set(exported "$Format:%H %(describe:tags=true,match=v[0-9]*)$")

set(version ${RELEASE})
set(commit "")
set(dirty "false")

function(git out)
  execute_process(COMMAND git -C ${SOURCE} ${ARGN} OUTPUT_VARIABLE text ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(status)
    set(text "")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# "v1.2.0" or "v1.2.0-45-g0123abcd" as `git describe` has it
function(set_version described)
  if(described MATCHES "^v([0-9][0-9.]*)(-([0-9]+)-(g[0-9a-f]+))?$")
    set(text ${CMAKE_MATCH_1})
    if(CMAKE_MATCH_3)
      string(APPEND text "+${CMAKE_MATCH_3}.${CMAKE_MATCH_4}")
    endif()
  else()
    string(SUBSTRING ${commit} 0 10 short)
    set(text "${RELEASE}+g${short}")
  endif()
  set(version ${text} PARENT_SCOPE)
endfunction()

# A repository that merely contains the sources, as unpacked ones, is not theirs.
git(prefix rev-parse --show-prefix)
git(commit rev-parse HEAD)
if(commit AND NOT prefix)
  git(described describe --tags --match "v[0-9]*")
  set_version("${described}")
  git(changes status --porcelain --untracked-files=no)
  if(changes)
    set(dirty "true")
  endif()
elseif(exported MATCHES "^([0-9a-f]+) (.*)$")
  set(commit ${CMAKE_MATCH_1})
  set_version("${CMAKE_MATCH_2}")
else()
  set(commit "")
endif()

if(OUT)
  set(text "/* Made by scripts/lib/version.cmake at every build. */
#include \"harness/system/version.h\"

const char version_text[] = \"${version}\";
const char version_commit[] = \"${commit}\";
const bool version_dirty = ${dirty};
")
  set(old "")
  if(EXISTS ${OUT})
    file(READ ${OUT} old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE ${OUT} "${text}")
  endif()
endif()
