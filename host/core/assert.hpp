#pragma once
#include <cstdio>
#include <cstdlib>

/// Checks an invariant, in production too: where money is concerned, a stopped process is better than a wrong
/// one. The message names what was expected; a failure aborts, and recovery treats it like any other crash.
#define PAYOUTD_ASSERT(condition, message)                                                                 \
  do {                                                                                                     \
    if (!(condition)) [[unlikely]] {                                                                       \
      std::fprintf(stderr, "payoutd: assertion failed: %s (%s) at %s:%d\n", message, #condition, __FILE__, \
                   __LINE__);                                                                              \
      std::abort();                                                                                        \
    }                                                                                                      \
  } while (false)
