// What an engine says it stored, as much of it as shows how it hashes: a sample of its events, as
// whoever reads them (src/gateways) hands it to the HashDoctor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/notices/subjects.h"
#include "tokens/block_keys.h"
#include "tokens/digest.h"

namespace holdfast {

// Of an event, at most this many blocks are looked at: the rest need not be copied.
inline constexpr size_t kBlocksPerSampleMax = 16;

// One event "stored" of the groups of layers that make prefixes (full attention); blocks of other
// groups hash alike and must not be handed over. Owns what it has: it goes from thread to thread.
struct StoredBlocks {
  std::string model;        // as the source is registered
  WorkerName source;        // instance, and data-parallel rank
  std::string medium = {};  // as the event has it, "GPU"; each is watched by itself
  uint32_t blockSize = 0;   // tokens, as the event states it; 0: it does not, nothing is learned
  // The hash before the first block: absent where that begins a prompt. All hashes are as
  // published: a byte string as it is (8 to 32 bytes), an integer as 8 bytes, big-endian, two's
  // complement.
  std::optional<BlockHash> parent = {};
  std::vector<uint32_t> tokens = {};   // blockSize for each hash; others: nothing is learned
  std::vector<BlockHash> hashes = {};  // at most kBlocksPerSampleMax, the first of the event
  std::string loraName = {};           // empty: no adapter
  std::optional<int64_t> loraId = {};
  std::string cacheSalt = {};  // where the event has a field of its own for it (SGLang)
  // BlockStored.extra_keys, one for each block, in their order; empty: the event has none.
  std::vector<std::vector<ExtraKey>> extraKeys = {};
};

// Which events of a source are worth a sample: all of the first blocks of its life, then some. One
// for each source, on the thread that reads the events.
class SampleGate {
 public:
  // `blocks`: that the event stored, with their tokens; `begins`: it has no parent. Asked once for
  // each event that has tokens.
  bool take(size_t blocks, bool begins) {
    if (taken_ < kFirstBlocks) {
      taken_ += std::min(blocks, kBlocksPerSampleMax);
      return true;
    }
    // Beginnings can always be checked, what continues an unseen block often not.
    skipped_ += std::min(blocks, kBlocksPerSampleMax) * (begins ? 4 : 1);
    if (skipped_ < kBlocksBetween) return false;
    skipped_ = 0;
    return true;
  }
  // Another process, or a doctor that knows nothing: everything is worth it again.
  void restart() { *this = SampleGate(); }

 private:
  static constexpr size_t kFirstBlocks = 1'024;
  static constexpr size_t kBlocksBetween = 128;
  size_t taken_ = 0;
  size_t skipped_ = 0;
};

}  // namespace holdfast
