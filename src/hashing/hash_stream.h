// One medium of one source: which profile its samples fit, and whether they go on to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hashing/candidates.h"
#include "hashing/chain_memory.h"
#include "hashing/model_profiles.h"
#include "hashing/stored_blocks.h"
#include "hashing/trial.h"
#include "tokens/block_hasher.h"

namespace holdfast {

enum class HashingState : uint8_t { kLearning, kFits, kMixed, kUnknown };
inline constexpr size_t kHashingStates = 4;
std::string_view nameOf(HashingState state);  // "fits"

// Blocks of samples.
struct SampledBlocks {
  uint64_t fitted = 0;  // the profile of then
  uint64_t differing = 0;
  uint64_t unchecked = 0;  // that nobody outside the engine can compute

  SampledBlocks& operator+=(const SampledBlocks& more) {
    fitted += more.fitted;
    differing += more.differing;
    unchecked += more.unchecked;
    return *this;
  }
  SampledBlocks operator-(const SampledBlocks& less) const {
    return {fitted - less.fitted, differing - less.differing, unchecked - less.unchecked};
  }
};

class HashStream {
 public:
  // Samples in a row that fit nothing before the stream is unknown.
  static constexpr uint32_t kPatience = 32;
  // Samples in a row that fit another profile before that is its own.
  static constexpr uint32_t kConversion = 16;
  // So many returns to its profile within a window of samples: it is mixed.
  static constexpr uint32_t kWindow = 128;
  static constexpr uint32_t kReturns = 8;

  // `number`: unlike any other stream's.
  explicit HashStream(uint64_t number) : number_(number) {}

  // Looks at a well-formed sample. `hasher`: scratch. `seeds`: those known in the fleet. True where
  // state() or fitted() is another one now.
  bool look(const StoredBlocks& blocks, BlockHasher& hasher, std::span<const Seed> seeds,
            ChainMemory& chains);
  // Its process is another one.
  void restart();

  HashingState state() const { return state_; }
  // What it fits, or did before it was unknown.
  const std::optional<FittedProfile>& fitted() const { return fitted_; }
  // What it fits as well; of a mixed one.
  const std::optional<HashProfile>& other() const { return other_; }
  // Fits but for what comes before the first block.
  const std::optional<HashScheme>& otherRoot() const { return otherRoot_; }
  const SampledBlocks& sampled() const { return sampled_; }

 private:
  bool fits(const StoredBlocks& blocks, const Trial& trial, ChainMemory& chains);
  // So that what continues its last block can be checked.
  void remember(const StoredBlocks& blocks, const BlockHash& last, ChainMemory& chains);
  bool differs(const StoredBlocks& blocks, std::optional<HashProfile> found);
  bool adopt(const StoredBlocks& blocks, const HashProfile& profile);
  // How it does with its own profile, or with the other way to hash extra keys.
  Trial tryOwn(const StoredBlocks& blocks, BlockHasher& hasher, const ChainMemory& chains);
  bool judged();

  uint64_t number_;
  HashingState state_ = HashingState::kLearning;
  std::optional<FittedProfile> fitted_;
  std::optional<HashProfile> other_;
  std::optional<HashScheme> otherRoot_;
  uint32_t missed_ = 0;    // samples in a row that did not fit
  uint32_t otherRun_ = 0;  // of these, the last ones that fitted other_
  uint32_t returns_ = 0;   // within the window
  uint32_t inWindow_ = 0;
  uint32_t nextSeed_ = 0;  // to be searched for
  SampledBlocks sampled_;
};

}  // namespace holdfast
