#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

constexpr Target kTargets[] = {
    // clang-format off
    {"address", address},
    {"capture_log", captureLog},
    {"commit_mark", commitMark},
    {"config_file", configFile},
    {"copy_manifest", copyManifest},
    {"duration", duration},
    {"engine_events", engineEvents},
    {"http_body", httpBody},
    {"http_target", httpTarget},
    {"lmcache", lmcache},
    {"replication_records", replicationRecords},
    {"store_records", storeRecords},
    {"token_file", tokenFile},
    {"tokens", tokens},
    // clang-format on
};
const Target* chosen = nullptr;

}  // namespace

std::span<const Target> targets() {
  return kTargets;
}

bool choose(std::string_view name) {
  for (const Target& target : kTargets) {
    if (target.name != name) continue;
    chosen = &target;
    return true;
  }
  return false;
}

}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::fuzz::chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
