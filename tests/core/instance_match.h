// Matches compared and printed.
#pragma once

#include <ostream>

#include "core/index/prefix_match.h"

namespace holdfast {

inline bool operator==(const LocationHits& a, const LocationHits& b) {
  return a.location == b.location && a.chunks == b.chunks;
}
inline bool operator==(const InstanceMatch& a, const InstanceMatch& b) {
  return a.instance == b.instance && a.rank == b.rank && a.chunks == b.chunks &&
         a.allRanks == b.allRanks && a.location == b.location && a.unconfirmed == b.unconfirmed &&
         a.hits == b.hits && a.loadStep == b.loadStep;
}
inline void PrintTo(const InstanceMatch& m, std::ostream* out) {
  *out << "instance " << m.instance << " rank " << m.rank << " chunks " << m.chunks << " allRanks "
       << m.allRanks << " location " << m.location << " unconfirmed " << m.unconfirmed
       << " load step " << m.loadStep << " hits";
  for (const LocationHits& hit : m.hits) *out << ' ' << hit.location << ':' << hit.chunks;
}

}  // namespace holdfast
