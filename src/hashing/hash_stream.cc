#include "hashing/hash_stream.h"

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

// What a search for a seed may hash for each sample: some tens of microseconds.
constexpr size_t kSearchTokens = 2'048;

bool hasExtraKeys(const StoredBlocks& blocks) {
  return blocks.loraId || !blocks.loraName.empty() ||
         std::any_of(blocks.extraKeys.begin(), blocks.extraKeys.end(),
                     [](const auto& keys) { return !keys.empty(); });
}

bool isVllms(const HashProfile& profile) {
  return factsOf(profile.scheme).family == HashFamily::kVllm;
}

}  // namespace

std::string_view nameOf(HashingState state) {
  static constexpr std::array<std::string_view, kHashingStates> kNames = {"learning", "fits",
                                                                          "mixed", "unknown"};
  return kNames[static_cast<size_t>(state)];
}

void HashStream::restart() {
  const SampledBlocks sampled = sampled_;
  *this = HashStream(number_);
  sampled_ = sampled;
}

bool HashStream::look(const StoredBlocks& blocks, BlockHasher& hasher, std::span<const Seed> seeds,
                      ChainMemory& chains) {
  if (fitted_) {
    const Trial trial = tryOwn(blocks, hasher, chains);
    if (trial.fit == Fit::kYes) return fits(blocks, trial, chains);
    if (trial.fit == Fit::kUnknown) {
      sampled_.unchecked += blocks.hashes.size();
      return false;
    }
  }
  // Only what begins a prompt tells one profile from all others.
  if (blocks.parent) {
    if (fitted_) return differs(blocks, std::nullopt);
    sampled_.unchecked += blocks.hashes.size();
    return false;
  }
  bool computable = false;
  BlockHash last;
  const auto tried = [&](const HashProfile& profile) {
    hasher.use(profile);
    const Trial trial = tryProfile(hasher, blocks, nullptr);
    computable |= trial.fit != Fit::kUnknown;
    if (trial.fit == Fit::kOtherRoot) otherRoot_ = profile.scheme;
    last = trial.last;
    return trial.fit == Fit::kYes;
  };
  std::optional<HashProfile> found;
  const auto take = [&](const HashProfile& profile) {
    if (tried(profile)) found = profile;
    return found.has_value();
  };
  if (!(other_ && other_->blockSize == blocks.blockSize && take(*other_))) {
    anyCandidate(blocks, seeds, take);
  }
  // An adapter's blocks tell nothing as long as it is not known who hashes them.
  const bool ofAdapter = blocks.loraId || !blocks.loraName.empty();
  if (!computable || (ofAdapter && !found && !fitted_)) {
    sampled_.unchecked += blocks.hashes.size();
    return false;
  }
  // What goes wrong now and then is no reason to search.
  if (!found && (!fitted_ || missed_ >= kPatience / 4)) {
    const size_t schemes = 6;
    const size_t most = std::max<size_t>(kSearchTokens / (schemes * blocks.blockSize), 1);
    for (size_t i = 0; i < most && nextSeed_ < kSeedsSearched && !found; ++i, ++nextSeed_) {
      anySeeded(blocks, searchedSeed(nextSeed_), take);
    }
  }
  if (fitted_) return differs(blocks, found);
  if (found) {
    sampled_.fitted += blocks.hashes.size();
    remember(blocks, last, chains);
    return adopt(blocks, *found);
  }
  return differs(blocks, std::nullopt);
}

Trial HashStream::tryOwn(const StoredBlocks& blocks, BlockHasher& hasher,
                         const ChainMemory& chains) {
  const HashProfile& own = fitted_->profile;
  // Its chain cannot go on in blocks of another size.
  if (own.blockSize != blocks.blockSize) return {.fit = Fit::kNo};
  const BlockHash* parent = blocks.parent ? chains.of(number_, *blocks.parent) : nullptr;
  hasher.use(own);
  Trial trial = tryProfile(hasher, blocks, parent);
  if (trial.fit == Fit::kYes || !isVllms(own) || fitted_->keysShown || !hasExtraKeys(blocks)) {
    return trial;
  }
  HashProfile same = own;
  same.untagged = !own.untagged;
  hasher.use(same);
  const Trial again = tryProfile(hasher, blocks, parent);
  if (again.fit != Fit::kYes) return trial;
  fitted_->profile = same;
  return again;
}

// Counts one sample that could be told. True: whether it is mixed is another thing now.
bool HashStream::judged() {
  const bool mixed = returns_ >= kReturns;
  bool changed = false;
  if (mixed && state_ == HashingState::kFits) {
    state_ = HashingState::kMixed;
    changed = true;
  }
  if (++inWindow_ < kWindow) return changed;
  if (!mixed && state_ == HashingState::kMixed) {
    state_ = HashingState::kFits;
    other_.reset();
    changed = true;
  }
  inWindow_ = 0;
  returns_ = 0;
  return changed;
}

void HashStream::remember(const StoredBlocks& blocks, const BlockHash& last, ChainMemory& chains) {
  const BlockHash& published = blocks.hashes.back();
  if (published.size < last.size) chains.remember(number_, published, last);
}

bool HashStream::fits(const StoredBlocks& blocks, const Trial& trial, ChainMemory& chains) {
  sampled_.fitted += blocks.hashes.size();
  remember(blocks, trial.last, chains);
  if (missed_ != 0) ++returns_;
  missed_ = 0;
  otherRun_ = 0;
  bool changed = judged();
  if (state_ == HashingState::kUnknown) {
    state_ = HashingState::kFits;
    changed = true;
  }
  if (isVllms(fitted_->profile) && !fitted_->keysShown && hasExtraKeys(blocks)) {
    fitted_->keysShown = true;
    changed = true;
  }
  return changed;
}

bool HashStream::differs(const StoredBlocks& blocks, std::optional<HashProfile> found) {
  sampled_.differing += blocks.hashes.size();
  ++missed_;
  if (found) {
    otherRun_ = other_ == found ? otherRun_ + 1 : 1;
    other_ = std::move(found);
    if (otherRun_ >= kConversion || state_ == HashingState::kUnknown) {
      const HashProfile profile = *other_;
      return adopt(blocks, profile);
    }
  } else if (!blocks.parent) {
    otherRun_ = 0;
  }
  const bool changed = judged();
  if (missed_ < kPatience || otherRun_ != 0 || state_ == HashingState::kUnknown) return changed;
  state_ = HashingState::kUnknown;
  return true;
}

bool HashStream::adopt(const StoredBlocks& blocks, const HashProfile& profile) {
  fitted_ =
      FittedProfile{.profile = profile, .keysShown = isVllms(profile) && hasExtraKeys(blocks)};
  state_ = HashingState::kFits;
  other_.reset();
  otherRoot_.reset();
  missed_ = 0;
  otherRun_ = 0;
  returns_ = 0;
  inWindow_ = 0;
  nextSeed_ = 0;
  return true;
}

}  // namespace holdfast
