# The compiler's rules for the host, the SDK and the plugins of this tree.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "payoutd cannot be built with GCC ${CMAKE_CXX_COMPILER_VERSION}: GCC before 13 miscompiles C++20 coroutines "
    "(double frees of aggregate arguments, wrong results where a coroutine begins with a condition that awaits). "
    "Use clang-19: cmake --preset dev, or -DCMAKE_CXX_COMPILER=clang++-19.")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)  # Asio's service ids must be one across the executable and every plugin

find_program(PAYOUTD_CCACHE ccache)
if(PAYOUTD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${PAYOUTD_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp" -Wno-gnu-zero-variadic-macro-arguments)
  find_program(PAYOUTD_LLD NAMES ld.lld-19)
  if(PAYOUTD_LLD)
    add_link_options(--ld-path=${PAYOUTD_LLD})
  endif()
endif()

set(PAYOUTD_SANITIZE "" CACHE STRING "Sanitizers of this build: empty, address,undefined or thread")
if(PAYOUTD_SANITIZE)
  add_compile_options(-fsanitize=${PAYOUTD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PAYOUTD_SANITIZE})
endif()

option(PAYOUTD_FUZZ_COVERAGE "Tell fuzz targets which code their inputs reach, in all libraries (with a sanitizer)" OFF)
if(PAYOUTD_FUZZ_COVERAGE)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# One precompiled header for everything: the standard library, Boost.JSON and the small part of Asio that
# coroutines need. Beast and SSL stay out of it: only the few files that speak HTTP include them.
function(payoutd_defaults target)
  if(NOT target STREQUAL payoutd_pch)
    target_precompile_headers(${target} REUSE_FROM payoutd_pch)
    target_link_libraries(${target} PRIVATE payoutd_pch)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE")
      # The precompiled header was made with -fPIC; -fPIE, CMake's choice for executables, would not fit it.
      set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${target} PRIVATE -fPIC)
    endif()
  endif()
endfunction()
