# cmake -DGIT=... -DROOT=... -DPATCH=... -DFILE=... -DINTO=... -P apply_patch.cmake
# Copies ROOT/FILE to INTO/FILE and applies PATCH, of that file alone, to the copy.
get_filename_component(folder ${INTO}/${FILE} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
file(COPY_FILE ${ROOT}/${FILE} ${INTO}/${FILE})
# git looks for no repository: within one it passes over paths that are not the repository's.
get_filename_component(above ${INTO} DIRECTORY)
execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=GIT_DIR GIT_CEILING_DIRECTORIES=${above} ${GIT} apply ${PATCH}
                WORKING_DIRECTORY ${INTO} RESULT_VARIABLE code ERROR_VARIABLE why)
if(NOT code EQUAL 0)
  file(REMOVE ${INTO}/${FILE})
  message(FATAL_ERROR "${PATCH} does not apply to ${FILE}, which has changed:\n${why}"
          "Make the same bug in what is there now and replace the patch by its git diff -U1; "
          "where the code has moved, by that of its new file.")
endif()
# Newer than the patch, whenever its source was written.
file(TOUCH ${INTO}/${FILE})
