// Seqs that the controller asked for again and that were not sent yet.
#pragma once

#include <cstdint>
#include <vector>

namespace holdfast {

class ReplayRanges {
 public:
  struct Range {
    uint64_t from = 0;  // 1 or more
    uint64_t to = 0;    // included; not below `from`

    friend bool operator==(const Range&, const Range&) = default;
  };

  // What is waiting already is not added twice.
  void add(Range range);
  // The n lowest seqs, or as many as follow each other without a gap; n > 0, not while empty.
  Range take(uint64_t n);
  bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }

 private:
  std::vector<Range> ranges_;  // ascending, at least one seq between two of them
};

}  // namespace holdfast
