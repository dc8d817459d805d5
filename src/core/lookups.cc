#include "core/lookups.h"

#include <algorithm>

namespace holdfast {

std::string_view lookupMissName(LookupMiss miss) {
  switch (miss) {
    case LookupMiss::kNone:
      return "none";
    case LookupMiss::kNoChunk:
      return "noChunk";
    case LookupMiss::kUnknownModel:
      return "unknownModel";
    case LookupMiss::kNotHeld:
      return "notHeld";
    case LookupMiss::kHidden:
      return "hidden";
    case LookupMiss::kHashingDiffers:
      return "hashingDiffers";
    case LookupMiss::kCannotHash:
      return "cannotHash";
  }
  return "unknown";
}

MissReason reasonOf(const ExplainedMiss& miss) {
  const HiddenHolders& hidden = miss.hidden;
  switch (miss.miss) {
    case LookupMiss::kNone:
      return MissReason::kFound;
    case LookupMiss::kNoChunk:
    case LookupMiss::kCannotHash:  // none that could be asked for
      return MissReason::kNoChunk;
    case LookupMiss::kUnknownModel:
      return MissReason::kUnknownModel;
    case LookupMiss::kNotHeld:
      return MissReason::kNotHeld;
    case LookupMiss::kHidden:
      if (hidden.drained >= std::max(hidden.lost, hidden.diverged)) return MissReason::kDrained;
      return hidden.lost >= hidden.diverged ? MissReason::kLost : MissReason::kDiverged;
    case LookupMiss::kHashingDiffers:
      return MissReason::kHashingDiffers;
  }
  return MissReason::kUnsaid;
}

}  // namespace holdfast
