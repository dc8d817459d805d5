// What the thread of the sockets hands over to the controller's loop: what sources said, in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source_position.h"
#include "core/types.h"
#include "gateways/engine_events/source.h"
#include "hashing/stored_blocks.h"

namespace holdfast::engines {

// Names a source between the two threads; never used again.
using SourceId = uint64_t;

// Where blocks of an engine are that does not say it, and what AllBlocksCleared is about.
inline constexpr std::string_view kGpu = "GPU";

struct Step {
  enum class Kind : uint8_t {
    kOperations,
    kCleared,    // all blocks of kGpu, or of every location
    kRestarted,  // another process with an empty cache
    kLost,       // messages from `from` to `to`, for good
  };
  Kind kind = Kind::kOperations;
  SourceId source = 0;
  std::string location;  // of operations; of a clear: empty, or kGpu
  std::vector<ChunkHash> keys;
  std::vector<uint8_t> evicts;  // a bitmap as of Operations; empty: all are admits
  uint64_t from = 0;
  uint64_t to = 0;
  std::string why;  // of what was lost because it cannot be read
  // With this step, everything up to here has been handed over.
  std::optional<SourcePosition> position;

  Operations operations() const { return {keys, {evicts.empty() ? nullptr : evicts.data(), 0}}; }
  void add(ChunkHash key, bool evict) {
    const size_t at = keys.size();
    keys.push_back(key);
    if (evict && evicts.empty()) evicts.assign(at / 8 + 1, 0);
    if (evicts.empty()) return;
    if (evicts.size() <= at / 8) evicts.push_back(0);
    if (evict) evicts[at / 8] = static_cast<uint8_t>(evicts[at / 8] | 1u << (at % 8));
  }
};

// How a source does, since the start.
struct SourceNews {
  SourceId source = 0;
  bool connected = false;
  std::string trouble;  // why there can be no connection; empty: nothing is known against it
  Source::Counts counts;
  uint64_t stored = 0;  // blocks
  uint64_t removed = 0;
  uint64_t left = 0;  // blocks of groups that make no prefixes, and of more locations than we take
  uint64_t unknown = 0;  // events and fields
};

struct Handover {
  static constexpr size_t kSamplesMax = 64;

  std::vector<Step> steps;
  std::vector<StoredBlocks> samples;  // of what is stored by the steps
  std::vector<SourceNews> news;
  size_t operations = 0;

  bool empty() const { return steps.empty() && news.empty(); }
};

}  // namespace holdfast::engines
