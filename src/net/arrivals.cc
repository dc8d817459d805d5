#include "net/arrivals.h"

namespace holdfast {

void Arrivals::found(uint64_t position, kj::TimePoint time) {
  if (size_ != 0) {
    Finding& last = at(size_ - 1);
    if (position < last.position || time < last.time) return;
    if (position == last.position) {
      last.time = time;
      return;
    }
  }
  if (size_ == kFindingsMax) return;
  at(size_++) = {position, time};
}

kj::TimePoint Arrivals::notBefore(uint64_t position) {
  while (size_ != 0 && findings_[first_].position <= position) {
    past_ = findings_[first_].time;
    first_ = (first_ + 1) % kFindingsMax;
    --size_;
  }
  return past_;
}

}  // namespace holdfast
