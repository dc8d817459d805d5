// Broken invariants end the process, with context: the store is crash-safe, a wrong index is not.
// For bugs only; what an operator or a peer can cause is an error value instead.
#pragma once

namespace holdfast {

// Prints file, line, condition and the printf-style message to stderr, then aborts.
[[noreturn]] void checkFailed(const char* file, int line, const char* condition, const char* format,
                              ...) __attribute__((format(printf, 4, 5)));

}  // namespace holdfast

// HOLDFAST_CHECK(count > 0, "table %u holds %u keys", table, count);  Always on, also in releases.
#define HOLDFAST_CHECK(condition, ...)                                         \
  do {                                                                         \
    if (__builtin_expect(!(condition), 0)) {                                   \
      ::holdfast::checkFailed(__FILE__, __LINE__, #condition, "" __VA_ARGS__); \
    }                                                                          \
  } while (false)
