// When the bytes of a stream arrived, at the earliest. The kernel does not tell, but a socket that
// was found empty at some moment proves that what is read later came later. From such findings this
// derives the latest moment that is certainly not after the arrival of a given byte.
#pragma once

#include <kj/time.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast {

// Positions are byte offsets from the start of the stream.
class Arrivals {
 public:
  // No byte arrived before `begin`: a lower bound on when the other side connected.
  explicit Arrivals(kj::TimePoint begin) : past_(begin) {}

  // At `time` the bytes before `position` and no others had arrived. Ignored if either value is
  // lower than in the previous call.
  void found(uint64_t position, kj::TimePoint time);
  // A lower bound on the arrival of the byte at `position`: `begin` if nothing better is known.
  // Positions must not fall from call to call.
  kj::TimePoint notBefore(uint64_t position);

 private:
  struct Finding {
    uint64_t position = 0;
    kj::TimePoint time = kj::origin<kj::TimePoint>();
  };
  // A turn of the loop makes one every few dozen microseconds. Beyond the limit later ones are left
  // out, which only makes the bound earlier.
  static constexpr size_t kFindingsMax = 64;

  Finding& at(size_t index) { return findings_[(first_ + index) % kFindingsMax]; }

  std::array<Finding, kFindingsMax> findings_;
  size_t first_ = 0;
  size_t size_ = 0;
  kj::TimePoint past_;  // of the finding that was last in force
};

}  // namespace holdfast
