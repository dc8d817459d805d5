#include "core/queries/held_chunks.h"

#include <algorithm>

#include "core/index/key_walk.h"

namespace holdfast::queries {
namespace {

// Of a piece: keys that are found, and holders of these that are gathered, give or take one key's.
constexpr size_t kKeysOfPiece = 512;
constexpr size_t kHeldOfPiece = 2'048;
constexpr size_t kChunksOfGroup = 512;

}  // namespace

HeldChunksCursor::Step HeldChunksCursor::next(HeldGroup& group) {
  while (nextHeld_ < held_.size()) {
    if (nextGroup(group)) return Step::kGroup;
  }
  if (nextKey_ < keys_.size()) {
    gather();
    return Step::kPiece;
  }
  const size_t parts = partsOf(index_);
  if (nextPart_ == parts) return Step::kOver;
  keys_.clear();
  nextKey_ = 0;
  // Many parts are small.
  while (nextPart_ < parts && keys_.size() < kKeysOfPiece) {
    appendKeysOf(index_, nextPart_++, salt_, keys_);
  }
  return Step::kPiece;
}

void HeldChunksCursor::gather() {
  held_.clear();
  nextHeld_ = 0;
  const auto keys = std::span<const ChunkHash>(keys_).subspan(
      nextKey_, std::min(kKeysOfPiece, keys_.size() - nextKey_));
  sets_.resize(keys.size());
  index_.find(salt_, keys, sets_);
  size_t at = 0;
  for (; at < keys.size() && held_.size() < kHeldOfPiece; ++at) {
    HolderId single = kNoHolder;
    for (const HolderId holder : index_.sets().members(sets_[at], single)) {
      if (tree_.directory().rankSlot(holder) == HolderDirectory::kInvisible) continue;
      if (!index_.sets().isRetired(holder)) held_.push_back({holder, keys[at]});
    }
  }
  nextKey_ += at;
  std::sort(held_.begin(), held_.end(),
            [](const Held& a, const Held& b) { return a.holder < b.holder; });
}

bool HeldChunksCursor::nextGroup(HeldGroup& group) {
  const HolderId holder = held_[nextHeld_].holder;
  chunks_.clear();
  for (; nextHeld_ < held_.size() && held_[nextHeld_].holder == holder &&
         chunks_.size() < kChunksOfGroup;
       ++nextHeld_) {
    chunks_.push_back(held_[nextHeld_].chunk);
  }
  if (tree_.directory().rankSlot(holder) == HolderDirectory::kInvisible) return false;
  const HolderInfo& info = tree_.directory().get(holder);
  const Instance& instance = *tree_.instanceBySlot(info.instance);
  const auto worker = instance.workers.find(info.rank);
  if (worker == instance.workers.end() || worker->second->modelSalt != salt_) return false;
  // They were gathered in an earlier piece, and the holder may even be another one since.
  sets_.resize(chunks_.size());
  index_.find(salt_, chunks_, sets_);
  size_t left = 0;
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (index_.sets().contains(sets_[i], holder)) chunks_[left++] = chunks_[i];
  }
  chunks_.resize(left);
  if (chunks_.empty()) return false;
  group = {instance.record.instance, info.rank, tree_.locationNames().name(info.location), chunks_};
  return true;
}

}  // namespace holdfast::queries
