#include "client/replay_ranges.h"

#include <algorithm>

namespace holdfast {

void ReplayRanges::add(Range range) {
  const auto first = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& waiting) {
    return waiting.to + 1 >= range.from;
  });
  auto end = first;
  while (end != ranges_.end() && end->from <= range.to + 1) {
    range.from = std::min(range.from, end->from);
    range.to = std::max(range.to, end->to);
    ++end;
  }
  ranges_.insert(ranges_.erase(first, end), range);
}

ReplayRanges::Range ReplayRanges::take(uint64_t n) {
  Range& first = ranges_.front();
  const Range taken{first.from, std::min(first.to, first.from + n - 1)};
  first.from = taken.to + 1;
  if (first.from > first.to) ranges_.erase(ranges_.begin());
  return taken;
}

}  // namespace holdfast
