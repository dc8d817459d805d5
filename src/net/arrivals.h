// When did the bytes of a stream arrive? The kernel does not tell, but whoever finds a socket empty
// at some moment knows that what it reads later came later. From such findings: the latest moment
// that is surely not after the arrival of a byte.
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

  // At `time` the bytes before `position` and no others had arrived. Neither may be less than in
  // the call before, or nothing is noted.
  void found(uint64_t position, kj::TimePoint time);
  // A lower bound on the arrival of the byte at `position`: `begin` if nothing else is known.
  // Positions do not fall from call to call.
  kj::TimePoint notBefore(uint64_t position);

 private:
  struct Finding {
    uint64_t position = 0;
    kj::TimePoint time = kj::origin<kj::TimePoint>();
  };
  // One is made each few dozen microseconds that a turn of the loop takes; when there are more, the
  // later ones are left out, which is on the safe side.
  static constexpr size_t kFindingsMax = 64;

  Finding& at(size_t index) { return findings_[(first_ + index) % kFindingsMax]; }

  std::array<Finding, kFindingsMax> findings_;
  size_t first_ = 0;
  size_t size_ = 0;
  kj::TimePoint past_;  // of the finding that was last in force
};

}  // namespace holdfast
