// A report on its way to the controller.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

struct OutgoingReport {
  std::string_view location;  // valid as long as the state machine
  uint64_t incarnation = 0;
  uint64_t firstSeq = 0;
  std::vector<ChunkHash> keys;
  std::vector<uint8_t> evicts;  // bitmap, least significant bit first; empty: all admits

  // Valid as long as this does not change.
  Report view() const;
  // For whoever fills it; ends with trimEvicts().
  void append(ChunkHash key, bool evict);
  void trimEvicts();
};

}  // namespace holdfast
