# Installs the build into a fresh prefix, moves it, and does there what an integrator does: has payoutctl write the
# project of a plugin, builds and tests it as it is, looks into it, verifies it, and installs it for the host.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})

# Runs a command that must succeed; what it printed is in `output` afterwards.
macro(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "failed (${result}): ${command}\n${output}")
  endif()
endmacro()

function(expect_output pattern)
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "expected '${pattern}' in:\n${output}")
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
set(prefix ${WORK_DIR}/prefix)
set(plugins ${prefix}/lib/payoutd/plugins)
set(payoutctl ${prefix}/bin/payoutctl)
set(project ${WORK_DIR}/acme)

# The plugins that come with payoutd bring their recorded payments along.
run(${payoutctl} plugin inspect ${plugins}/libmomo.so)
expect_output("refused as a duplicate")

run(${payoutctl} plugin new acme --into ${project})
set(sanitize "")
if(SANITIZE)
  set(sanitize -DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE})
endif()
run(${CMAKE_COMMAND} -S ${project} -B ${project}/build -G Ninja
  -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_PREFIX_PATH=${prefix} ${sanitize})
run(${CMAKE_COMMAND} --build ${project}/build)
expect_file(${project}/build/plugins/libacme-0.1.0.so)
expect_file(${project}/build/plugins/libacme.so)
run(${CMAKE_CTEST_COMMAND} --test-dir ${project}/build --output-on-failure --no-tests=error)
expect_output("100% tests passed, 0 tests failed out of 3")

run(${payoutctl} plugin inspect ${project}/build/plugins/libacme.so)
expect_output("acme 0.1.0")
run(${payoutctl} plugin verify ${project}/build/plugins/libacme.so --transcripts ${project}/transcripts)
expect_output("Passed: ")

# Installed, it is found by its name and verified with the transcripts beside it.
run(${CMAKE_COMMAND} --install ${project}/build --prefix ${prefix})
run(${payoutctl} plugin verify ${plugins}/libacme.so --json)
expect_output("\"passed\":true")
file(WRITE ${WORK_DIR}/payoutd.yaml "environment: dev
state_dir: state
providers:
  acme-main:
    plugin: acme
    settings:
      base_url: http://127.0.0.1:9
      account: \"4711\"
    secrets:
      api_key: k-1
")
run(${payoutctl} check ${WORK_DIR}/payoutd.yaml)
expect_output("no problems")

# With Debian 12's GCC the package must refuse, and say why.
find_program(old_gcc g++-12)
if(old_gcc)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${project} -B ${project}/build-gcc -G Ninja
      -DCMAKE_CXX_COMPILER=${old_gcc} -DCMAKE_PREFIX_PATH=${prefix}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0 OR NOT output MATCHES "miscompiles")
    message(FATAL_ERROR "find_package(payoutd) must refuse ${old_gcc} and say why; it said (${result}):\n${output}")
  endif()
endif()
