// Chunks in the order in which prompts name them: what makes the next look-up of a prompt read
// memory in sequence, instead of a random cache line for each chunk.
//
// A ring of places of 12 bytes, each a key with its set. Look-ups append what they found, in their
// order; what is oldest makes room. A chunk has one place at most, and while it has one its slot in
// the table names it and its set is kept there, so a place is never out of date. Who follows a
// trail compares every key. A place that its chunk has left keeps the key, so that trails lead on
// behind it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/index/block_arena.h"
#include "core/index/holder_sets.h"
#include "core/index/prefetch.h"
#include "core/types.h"

namespace holdfast {

class Trails {
 public:
  using Place = uint32_t;
  static constexpr Place kNone = ~0u;
  // 288 MiB.
  static constexpr uint32_t kPlacesMax = 24u << 20;

  // More cannot be asked for.
  static constexpr uint32_t kPlacesEnd = 1u << 30;

  // `placesMax` is rounded up to whole lines; the memory is taken as it is used.
  Trails(uint32_t placesMax, PageFaulter* faulter);

  bool empty() const { return lines_ == 0; }
  // There are as many places as there may ever be.
  bool full() const { return lines_ == linesMax_; }

  SetId set(Place place) const { return line(place).sets[place % kLinePlaces]; }
  void setSet(Place place, SetId set) { line(place).sets[place % kLinePlaces] = set; }
  // The chunk has no place here any more.
  void leave(Place place) { setSet(place, kEmptySet); }
  // KeyMixer::salted
  uint64_t saltedKey(Place place) const { return line(place).keys[place % kLinePlaces]; }
  void prefetchSet(Place place) const { prefetchLine(&line(place).sets[place % kLinePlaces]); }
  // What follow() reads of so many keys, or of the first of them.
  void prefetch(Place place, size_t keys) const {
    const size_t first = place / kLinePlaces;
    const size_t end = std::min({lines_, first + kLinesAhead, first + keys / kLinePlaces + 1});
    for (size_t i = first; i < end; ++i) prefetchWhole(lineAt(i));
  }

  // How many of these keys are there from `place` on, one behind the other; kNone: none. The sets
  // of those; kEmptySet where a chunk has left its place, and `left` whether there is one. `place`
  // becomes that behind them.
  size_t follow(Place& place, uint64_t salt, std::span<const ChunkHash> keys, SetId* sets,
                bool& left) const;

  // The place behind so many others, at most all; the ring is closed.
  Place behind(Place place, size_t count) const {
    const size_t at = place + count;
    return static_cast<Place>(at < places() ? at : at - places());
  }
  // The place that is filled next; kNone while memory for it is still being brought. A ring of an
  // index of so many chunks does not become longer than kPlacesOfTwoChunks allows, rounded up: it
  // begins anew.
  Place next(uint64_t chunks);
  static constexpr uint64_t kPlacesOfTwoChunks = 3;
  // Whose chunk has not left it.
  bool isTaken(Place place) const { return set(place) != kEmptySet; }
  // Fills the next one. Its chunk must have left it.
  void fillNext(uint64_t saltedKey, SetId set);
  // Calls visit(saltedKey) for the chunks whose places are taken by the next so many, or some.
  template <typename Visit>
  void forOldest(size_t count, const Visit& visit) const {
    for (size_t place = next_; place < std::min(next_ + count, places()); ++place) {
      if (isTaken(static_cast<Place>(place))) visit(saltedKey(static_cast<Place>(place)));
    }
  }

  uint64_t memoryBytes() const { return arena_.memoryBytes(); }

 private:
  static constexpr uint32_t kLinePlaces = 16;
  static constexpr size_t kLinesAhead = 4;
  struct alignas(64) Line {
    uint64_t keys[kLinePlaces];
    SetId sets[kLinePlaces];
  };

  static void prefetchWhole(const Line& line) {
    prefetchLine(&line.keys[0]);
    prefetchLine(&line.keys[kLinePlaces / 2]);
    prefetchLine(&line.sets[0]);
  }
  size_t places() const { return lines_ * kLinePlaces; }
  Line& lineAt(size_t i) const { return reinterpret_cast<Line*>(arena_.at(0))[i]; }
  const Line& line(Place place) const { return lineAt(place / kLinePlaces); }
  Line& line(Place place) { return lineAt(place / kLinePlaces); }

  BlockArena arena_;  // whose blocks are one array of lines
  const uint32_t linesMax_;
  size_t lines_ = 0;
  Place next_ = 0;  // at most places()
};

}  // namespace holdfast
