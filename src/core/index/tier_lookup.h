// How far each rank holds a prompt, tier by tier: for routers that weigh what lies in the GPU's
// memory against what must be fetched. Beside PromptLookup, which names the best rank of each
// instance whatever its tiers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/index/prefix_match.h"
#include "core/registry/registry_tree.h"
#include "core/result.h"

namespace holdfast {

enum class Tier : uint8_t { kGpu, kCpu, kDisk };
inline constexpr size_t kTiers = 3;

// The tier that a location's name means, in any case: "gpu" or "hbm" anywhere in it, "cpu", "host"
// or "dram"; every other one is beyond them. Nothing for "GPU/1" and the like, where the gateway of
// KV events keeps blocks that make no prefixes.
std::optional<Tier> tierOf(std::string_view location);

// Chunks of the prompt's prefix that one rank holds, cumulative as Mooncake's RFC 1403 has it: in
// the GPU; from there on in the CPU's memory; from there on beyond. An engine loads in this order
// and comes back to no tier that it has left, so a chunk of a tier before is no match there.
struct RankTiers {
  std::string_view instance;
  uint32_t rank = 0;
  std::array<uint32_t, kTiers> chunks = {};  // by Tier; none is less than the one before
};

// Reads the registry and changes nothing. Used again and again; the references outlive it.
class TierLookup {
 public:
  TierLookup(const RegistryTree& tree, const ChunkIndex& index) : tree_(tree), index_(index) {}

  // Begins anew. `hashes` stay valid until the look-up is over. An error says what is malformed or
  // over a limit. An empty model is the default one.
  std::optional<Error> begin(std::string_view model, std::span<const ChunkHash> hashes);

  // A piece of about so much work, as PrefixMatcher::advance. True when nothing is left to do. The
  // registry may change between pieces: the holders of a chunk are as of its piece, and who is gone
  // at the end is not in the answer.
  bool advance(size_t workMax);

  // Every rank that look-ups may name and that holds the first chunk in some tier, by the names of
  // instances and by rank, once advance() returned true, before anything changes; valid until the
  // next call or change.
  std::span<const RankTiers> ranks();

 private:
  struct Candidate {
    uint32_t instance;
    uint32_t rank;
    uint32_t instanceUse;
    uint32_t reach = 0;  // chunks, in the tiers up to now
    uint8_t tier = 0;    // that it is in; kTiers: it has left the last one
    uint8_t held = 0;    // of the run that is looked at: a bit for each tier
    uint32_t run = 0;    // where that begins, + 1
    std::array<uint32_t, kTiers> chunks = {};
  };
  // A number that is valid for one look-up only: no clearing between look-ups.
  struct Stamped {
    uint32_t stamp = 0;
    uint32_t value = 0;
  };

  // The chunks [begin, end) all have this set. How many candidates go on to `end`.
  size_t extend(SetId set, uint32_t begin, uint32_t end, size_t& work);
  std::optional<Tier> tierOfLocation(uint16_t location);
  // Null if it is gone.
  const Worker* workerOf(const Candidate& candidate) const;

  const RegistryTree& tree_;
  const ChunkIndex& index_;
  // The look-up under way.
  uint64_t salt_ = 0;
  std::span<const ChunkHash> hashes_;
  size_t next_ = 0;  // of hashes_
  size_t step_ = 0;  // hashes to be found at once
  ChunkIndex::Trail trail_;
  bool over_ = false;
  std::vector<RankTiers> ranks_;
  // Scratch, kept between look-ups.
  uint32_t stamp_ = 0;
  std::vector<SetId> sets_;
  std::vector<Candidate> candidates_;
  std::vector<uint32_t> touched_;        // candidates of the run that is looked at
  std::vector<Stamped> candidateOf_;     // by rank slot: index in candidates_
  std::vector<Stamped> tierOfLocation_;  // by location
};

}  // namespace holdfast
