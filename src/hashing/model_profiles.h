// The profiles that the streams of one model fit, and which of them is the model's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tokens/block_hasher.h"

namespace holdfast {

// Where no stream of either has shown extra keys, a block tells nothing of `untagged`.
struct FittedProfile {
  HashProfile profile;
  bool keysShown = false;  // a block with extra keys fitted

  bool agreesWith(const FittedProfile& other) const;
};

class ModelProfiles {
 public:
  // Distinct ones that are kept; a fleet that has more is beyond counting, and each of its streams
  // is said to differ.
  static constexpr size_t kMax = 32;

  struct Group {
    FittedProfile fitted;
    uint64_t streams = 0;
    bool leads = false;  // the most of its family; stays so when its streams go
  };

  // A stream fits it, or does no more.
  void add(const FittedProfile& fitted);
  void remove(const FittedProfile& fitted);

  std::span<const Group> groups() const { return groups_; }
  // Of the family; null: none of it has fitted.
  const Group* leading(HashFamily family) const;
  // What look-ups hash with; null: no profile has fitted.
  const std::shared_ptr<BlockHasher>& hasher() const { return hasher_; }

 private:
  Group* find(const FittedProfile& fitted);
  void elect();

  std::vector<Group> groups_;
  std::shared_ptr<BlockHasher> hasher_;
};

}  // namespace holdfast
