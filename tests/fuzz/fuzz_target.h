// One parser as fuzzer and tests see it: any input, no result.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace holdfast::fuzz {

struct Target {
  std::string_view name;  // of its folder in corpus/
  void (*run)(std::string_view input);
};
std::span<const Target> targets();

// What LLVMFuzzerTestOneInput() runs from now on. False: there is no such target.
bool choose(std::string_view name);

void address(std::string_view input);
void captureLog(std::string_view input);
void commitMark(std::string_view input);
void configFile(std::string_view input);
void copyManifest(std::string_view input);
void duration(std::string_view input);
void httpBody(std::string_view input);
void httpTarget(std::string_view input);
void replicationRecords(std::string_view input);
void storeRecords(std::string_view input);
void engineEvents(std::string_view input);
void lmcache(std::string_view input);
void tokenFile(std::string_view input);
void tokens(std::string_view input);

}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// What a parser promises of what it accepted.
#define FUZZ_CHECK(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
