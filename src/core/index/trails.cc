#include "core/index/trails.h"

#include <cstring>

namespace holdfast {

Trails::Trails(uint32_t placesMax, PageFaulter* faulter)
    : arena_(faulter, uint64_t{placesMax} * sizeof(Line) / kLinePlaces + sizeof(Line)),
      linesMax_(static_cast<uint32_t>(std::clamp<uint64_t>(
          (uint64_t{placesMax} + kLinePlaces - 1) / kLinePlaces, 1,
          std::min<uint64_t>(arena_.bytesMax() / sizeof(Line), kPlacesEnd / kLinePlaces)))) {}

size_t Trails::follow(Place& place, uint64_t salt, std::span<const ChunkHash> keys, SetId* sets,
                      bool& left) const {
  left = false;
  if (place == kNone) return 0;
  size_t i = 0;
  while (i < keys.size() && place / kLinePlaces < lines_) {
    const Line& here = line(place);
    const uint32_t begin = place % kLinePlaces;
    const size_t ahead = place / kLinePlaces + kLinesAhead;
    if (ahead < lines_ && keys.size() - i > kLinesAhead * kLinePlaces) prefetchWhole(lineAt(ahead));
    if (begin == 0 && keys.size() - i >= kLinePlaces) {
      // As a rule the whole line is what is asked for.
      uint64_t different = 0;
      for (uint32_t at = 0; at < kLinePlaces; ++at) {
        different |= (keys[i + at] ^ salt) ^ here.keys[at];
      }
      if (different == 0) {
        uint32_t empty = 0;
        for (uint32_t at = 0; at < kLinePlaces; ++at) {
          empty |= here.sets[at] == kEmptySet ? 1 : 0;
        }
        std::memcpy(sets + i, here.sets, sizeof here.sets);
        left |= empty != 0;
        i += kLinePlaces;
        place = behind(place, kLinePlaces);
        continue;
      }
    }
    const uint32_t end =
        static_cast<uint32_t>(std::min<size_t>(kLinePlaces, begin + (keys.size() - i)));
    for (uint32_t at = begin; at < end; ++at, ++i) {
      if ((keys[i] ^ salt) != here.keys[at]) {
        place += at - begin;
        return i;
      }
      sets[i] = here.sets[at];
      left |= sets[i] == kEmptySet;
    }
    place = behind(place, end - begin);
  }
  return i;
}

Trails::Place Trails::next(uint64_t chunks) {
  if (next_ < places()) return next_;
  if (full() || 2 * places() > kPlacesOfTwoChunks * chunks) {
    next_ = 0;
    return next_;
  }
  if (arena_.memoryBytes() < (lines_ + 1) * sizeof(Line)) {
    if (!arena_.isNextHere()) return kNone;
    arena_.allocate();
  }
  ++lines_;
  return next_;
}

void Trails::fillNext(uint64_t saltedKey, SetId set) {
  Line& here = line(next_);
  here.keys[next_ % kLinePlaces] = saltedKey;
  here.sets[next_ % kLinePlaces] = set;
  ++next_;
}

}  // namespace holdfast
