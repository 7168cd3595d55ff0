# Installs the build into a fresh prefix, builds the acme project against it, and runs what it built.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "failed (${result}): ${command}\n${output}")
  endif()
endfunction()

function(expect_file path)
  if(NOT EXISTS ${path})
    message(FATAL_ERROR "missing: ${path}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/first)
# The tree must work from wherever it is moved to.
file(RENAME ${WORK_DIR}/first ${WORK_DIR}/prefix)
set(sanitize "")
if(SANITIZE)
  set(sanitize -DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE})
endif()
run(${CMAKE_COMMAND} -S ${PROJECT_DIR} -B ${WORK_DIR}/build -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix ${sanitize})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
expect_file(${WORK_DIR}/build/plugins/libacme-1.2.3.so)
expect_file(${WORK_DIR}/build/plugins/libacme.so)
run(${WORK_DIR}/build/acme_test)
run(${WORK_DIR}/build/load_acme ${WORK_DIR}/build/plugins/libacme.so)

# With Debian 12's GCC the package must refuse, and say why.
find_program(old_gcc g++-12)
if(old_gcc)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${PROJECT_DIR} -B ${WORK_DIR}/build-gcc -G Ninja
      -DCMAKE_CXX_COMPILER=${old_gcc} -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0 OR NOT output MATCHES "miscompiles")
    message(FATAL_ERROR "find_package(payoutd) must refuse ${old_gcc} and say why; it said (${result}):\n${output}")
  endif()
endif()
