// The fuzzer's program: HOLDFAST_FUZZ names the target.
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* name = std::getenv("HOLDFAST_FUZZ");
  if (name != nullptr && holdfast::fuzz::choose(name)) return 0;
  std::fprintf(stderr, "HOLDFAST_FUZZ must name a target:");
  for (const auto& target : holdfast::fuzz::targets()) {
    std::fprintf(stderr, " %.*s", static_cast<int>(target.name.size()), target.name.data());
  }
  std::fprintf(stderr, "\n");
  std::exit(2);
}
