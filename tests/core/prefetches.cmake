# cmake -DOBJDUMP=... -DBINARY=... -P prefetches.cmake
# Fails unless look-ups and reports of the chunk index prefetch in this binary.
foreach(function "holdfast::ChunkIndex::State::Search::probe(" "holdfast::ChunkIndex::apply(")
  execute_process(COMMAND ${OBJDUMP} -d -C --no-show-raw-insn ${BINARY}
                  COMMAND awk -v wanted=<${function}
                          "/^[0-9a-f]+ </ { inside = index($0, wanted) > 0 } inside && /prefetch/ { n++ } END { print n + 0 }"
                  OUTPUT_VARIABLE count OUTPUT_STRIP_TRAILING_WHITESPACE RESULTS_VARIABLE results)
  if(NOT results STREQUAL "0;0")
    message(FATAL_ERROR "cannot disassemble ${BINARY}: ${results}")
  endif()
  if(count EQUAL 0)
    message(FATAL_ERROR "${BINARY}: ${function}...) has no prefetch instruction")
  endif()
  message(STATUS "${function}...): ${count} prefetch instructions")
endforeach()
