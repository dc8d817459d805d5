// How often random tests repeat themselves.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace holdfast::test {

inline uint64_t fromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

// The release build repeats `number` times. Sanitizers look for other mistakes, which need no rare
// coincidence, and are slow: a tenth.
inline uint64_t repetitions(const char* variable, uint64_t number) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  number = (number + 9) / 10;
#endif
  return fromEnvironment(variable, number);
}

}  // namespace holdfast::test
